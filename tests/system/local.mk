# The built program as its users run it.
EXTRA_DIST += tests/system/copse_harness.py

# command line and README
TESTS += tests/system/test_cli.py tests/system/test_readme.py
EXTRA_DIST += tests/system/test_cli.py tests/system/test_readme.py
