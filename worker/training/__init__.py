"""The pure training engine: no database, no queue, no HTTP. Start reading at ``loop.py``.

Import it before torch: it shortens the busy waiting of torch's CPU threads, which OpenMP reads
when it is loaded. With other processes on the same cores, threads that spin for each other take
the cores from those they wait for: 150 steps of a small network took 22 to 76 s on 2 loaded cores
with OpenMP's own count and 7 to 9 s with this one (1.2 s when nothing else runs).
"""

import os

os.environ.setdefault("GOMP_SPINCOUNT", "1000")
