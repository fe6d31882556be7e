"""What training draws from: cases, made volumes, regions, prompts, variations."""
