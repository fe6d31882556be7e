"""Parts of the body as hospitals write them: HEAD_NECK, CHEST_TO_PELVIS, WHOLEBODY, Thorax/Abdomen.

DICOM lists terms for BodyPartExamined (PS3.16, annex L), and scanners' protocols write what they like. What is not
understood to its last letter is not known, and nothing is concluded from it.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from volsweep.terminology.names import organ_in

_DOWN = "hncapl"
"""Head, neck, chest, abdomen, pelvis, leg, from above; beside them ``u``, the upper limb."""
_ALL = _DOWN + "u"
_WORDS = {
    "hn": "head kopf cabeza tete caput face facial",  # planning CT of the neck is often called so
    "h": "ear iac nose tmj scalp eyelid mouth schadel craneo cerebro gehirn sinus paranasal sella pituitary",
    "n": "neck hals cuello cou cervical cspine hws thyroidea",
    "nc": "ctspine",
    "c": "chest thorax torax brust pecho thoracic tspine bws coronaryartery",
    "cu": "shoulder schulter hombro axilla",
    "a": "abdomen abdominal abd bauch",
    "ca": "tlspine",
    "ap": "lspine lumbar lws lsspine kub",
    "p": "pelv becken pelvic sspine coccyx scrotum vulva",
    "pl": "hip hufte cadera buttock groin",
    "l": "leg knee foot ankle thigh calf calcaneus toe bein knie fuss oberschenkel unterschenkel pierna rodilla pie "
    "lowerextremity lowerlimb",
    "u": "arm elbow wrist hand finger thumb forearm upperarm brazo mano codo ellenbogen handgelenk upperextremity "
    "upperlimb",
    "ul": "extremity extremities limb",
    "ncap": "spine wirbelsaule columna",
    "cap": "trunk torso tap cap",
    _ALL: "wholebody whole body wb totalbody ganzkorper ganzkoerper",
}
_REGIONS = {word: regions for regions, words in _WORDS.items() for word in words.split()}
_SILENT = (
    "to and with without w wo contrast upper lower left right both the of a und bis mit ohne links rechts y con sin "
    "ct mr mri pet pt"
)
"""Words between the others, which say nothing of where."""


@cache
def regions_of(text: str) -> str:
    """Letters of the parts of the body that an image shows, from its head on; empty where that is not known.

    Between two parts of the trunk lies what is between them.

    Examples
    --------
    >>> regions_of("HEAD_NECK"), regions_of("NECKCHESTABDPELV"), regions_of("CHEST_TO_PELVIS"), regions_of("ZONE 51")
    ('hn', 'ncap', 'cap', '')
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))
    found: set[str] = set()
    for word in re.findall(r"[^\W_]+", plain):
        if word in _SILENT.split():
            continue
        parts = _parts_of(word)
        if parts is None:
            return ""
        found |= set(parts)
    there = [index for index, letter in enumerate(_DOWN) if letter in found]
    if not there:
        return "".join(found)
    return _DOWN[there[0] : there[-1] + 1] + ("u" if "u" in found else "")


def _parts_of(word: str) -> str | None:
    """The regions of a word, or of words written as one; None where a letter of it is left over."""
    if word in _REGIONS:
        return _REGIONS[word]
    organ = organ_in(word)
    if organ is not None:
        return organ.regions[:1]
    for end in range(len(word) - 2, 2, -1):
        head = _REGIONS.get(word[:end])
        if head is not None:
            rest = _parts_of(re.sub(r"^(to|and|und|bis)", "", word[end:]))
            if rest is not None:
                return head + rest
    return None
