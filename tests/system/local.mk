# The built program as its users run it.
EXTRA_DIST += tests/system/copse_harness.py
