#!/bin/sh
# Installs Volsweep as docs/install.md has it, for an image that runs without a network. Run by the Containerfile and
# the Apptainer recipe; TORCH_INDEX names torch's own index (https://download.pytorch.org/whl/cu130 for CUDA 13).
set -eu

wheel="${1:?usage: install.sh WHEEL}"
python -m pip install --no-cache-dir torch torchvision --index-url "${TORCH_INDEX:-https://download.pytorch.org/whl/cpu}"
python -m pip install --no-cache-dir setuptools wheel
SAM2_BUILD_CUDA=0 python -m pip install --no-cache-dir sam2 --no-build-isolation
python -m pip install --no-cache-dir "${wheel}[serve]"
volsweep --version
