"""Benchmarks: they print what was measured beside what is asked, and fail only on nonsense.

``BENCHMARK_SEEDS=0-9`` chooses the seeds (``0-9`` is the default), ``BENCHMARK_STRICT=1`` makes a
figure that is missed a failure; ``pytest -k`` chooses sets and doses.
"""
