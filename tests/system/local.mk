# The built program as its users run it: its commands, SIGKILL under load, targets of
# notifications of every kind, disks that are slow, full, read-only or broken.
SYSTEM_TESTS = \
	tests/system/test_abuse.py \
	tests/system/test_backup.py \
	tests/system/test_cli.py \
	tests/system/test_discovery.py \
	tests/system/test_disk.py \
	tests/system/test_kill.py \
	tests/system/test_documents.py \
	tests/system/test_kill_notify.py \
	tests/system/test_operations.py \
	tests/system/test_package.py \
	tests/system/test_readme.py \
	tests/system/test_request.py \
	tests/system/test_service.py \
	tests/system/test_sinks.py \
	tests/system/test_sync.py \
	tests/system/test_waiting.py
dist_check_SCRIPTS += $(SYSTEM_TESTS)
TESTS += $(SYSTEM_TESTS)
if WITH_MQTT
dist_check_SCRIPTS += tests/system/test_mqtt_guide.py
TESTS += tests/system/test_mqtt_guide.py
endif
EXTRA_DIST += \
	tests/system/copse_harness.py \
	tests/system/disk_faults.c \
	tests/system/filling.py \
	tests/system/kill_writer.py \
	tests/system/notify_sink.py

# Preloaded into the server by test_sync.py and test_disk.py; never instrumented.
check_DATA += tests/system/disk_faults.so
CLEANFILES += tests/system/disk_faults.so
tests/system/disk_faults.so: tests/system/disk_faults.c
	$(AM_V_CCLD)$(MKDIR_P) tests/system && $(CC) -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -shared -fPIC -o $@ \
		$(srcdir)/tests/system/disk_faults.c -ldl
