"""The only writer: images and a model in, one store out."""

import os

# A build takes turns between many small products; threads that spin while they wait slow it down
# several times on a busy machine. Read by OpenMP when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
