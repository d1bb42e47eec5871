# Scenarios at the level of primitives.

check_PROGRAMS += test_scenarios
TESTS += test_scenarios tests/scenario/torture.sh
dist_check_SCRIPTS += tests/scenario/torture.sh
test_scenarios_SOURCES = tests/scenario/runner.c tests/scenario/run.c tests/scenario/run.h tests/scenario/expect.c tests/scenario/refusals.c \
	tests/scenario/parse.c tests/scenario/scenario.h tests/scenario/node.c tests/scenario/node.h tests/scenario/match.c \
	tests/scenario/answers.c tests/scenario/answers.h tests/scenario/seeds.c tests/scenario/seeds.h tests/scenario/world.c tests/scenario/world.h tests/scenario/transport.h tests/scenario/transport_core.c \
	tests/scenario/contents.c tests/scenario/contents.h tests/scenario/primitives.c tests/scenario/primitives.h tests/scenario/transport_http.c tests/scenario/sink.c tests/scenario/sink.h tests/scenario/skips.c tests/scenario/skips.h \
	tests/scenario/torture.c tests/scenario/torture.h \
	tests/scenario/inspect.c tests/scenario/coverage.c tests/scenario/coverage.h \
	tests/scenario/broker.c tests/scenario/broker.h $(config_parts)
if WITH_COAP
test_scenarios_SOURCES += tests/scenario/transport_coap.c
endif
if WITH_MQTT
test_scenarios_SOURCES += tests/scenario/transport_mqtt.c
endif
if WITH_WEBSOCKET
test_scenarios_SOURCES += tests/scenario/transport_websocket.c
endif
test_scenarios_LDADD = libresources.a libbindings.a libcore.a libstore.a libschemas.a libbase.a \
	$(BINDING_LIBS) $(SQLITE3_LIBS) $(CJSON_LIBS) $(INIH_LIBS) $(XML_LIBS) $(CBOR_LIBS) -lm
EXTRA_DIST += tests/scenario/README.md tests/scenario/cells.txt tests/scenario/codes.txt tests/scenario/skips.txt tests/scenario/unseen.txt \
	tests/scenario/access.scn tests/scenario/addressing.scn tests/scenario/container.scn tests/scenario/cse_base.scn tests/scenario/discovery.scn tests/scenario/result_content_children.scn \
	tests/scenario/etag.scn tests/scenario/groups.scn tests/scenario/limits.scn tests/scenario/expiration.scn tests/scenario/http.scn tests/scenario/instance.scn \
	tests/scenario/node.scn tests/scenario/partial.scn tests/scenario/policies.scn tests/scenario/primitive.scn tests/scenario/refusals.scn \
	tests/scenario/blocking.scn tests/scenario/delivery.scn tests/scenario/group_subscription.scn tests/scenario/notify.scn \
	tests/scenario/schedule.scn tests/scenario/subscription.scn \
	tests/scenario/registration.scn tests/scenario/restart.scn tests/scenario/result_content.scn \
	tests/scenario/retention.scn tests/scenario/store_failure.scn tests/scenario/together.scn tests/scenario/types.scn tests/scenario/values.scn

# Everything that `make check` samples: each call of the store failing, each limit, a million resources.
torture: test_scenarios$(EXEEXT) copse$(EXEEXT)
	$(AM_TESTS_ENVIRONMENT) COPSE_TORTURE_STRIDE=1 $(SHELL) $(srcdir)/tests/scenario/torture.sh
	$(AM_TESTS_ENVIRONMENT) COPSE_ABUSE_CHILDREN=1000000 python3 -B $(srcdir)/tests/system/test_abuse.py
.PHONY: torture
