"""From prompted slices to masks on all of them: legs, passes, fusion, gaps."""
