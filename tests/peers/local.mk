# Bindings against public clients: libcoap's, mosquitto's, packages of npm, a browser.
EXTRA_DIST += tests/peers/peers.py tests/peers/package.json tests/peers/package-lock.json
if WITH_MQTT
dist_check_SCRIPTS += tests/peers/test_mqtt.py tests/peers/test_mqtt_hard.py
TESTS += tests/peers/test_mqtt.py tests/peers/test_mqtt_hard.py
endif
EXTRA_DIST += tests/peers/mqtt_client.py
if WITH_WEBSOCKET
TESTS += tests/peers/test_websocket.py tests/peers/test_websocket_limits.py tests/peers/test_websocket_registree.py
TESTS += tests/peers/test_websocket_clients.py tests/peers/test_websocket_page.py
endif
if WITH_COAP
if WITH_MQTT
if WITH_WEBSOCKET
TESTS += tests/peers/test_across.py
endif
endif
endif
dist_check_SCRIPTS += tests/peers/test_across.py
EXTRA_DIST += tests/peers/across.js
dist_check_SCRIPTS += tests/peers/test_websocket.py tests/peers/test_websocket_limits.py tests/peers/test_websocket_registree.py
dist_check_SCRIPTS += tests/peers/test_websocket_clients.py tests/peers/test_websocket_page.py
EXTRA_DIST += tests/peers/websocket_client.py tests/peers/websocket_stand.py

if WITH_COAP
TESTS += tests/peers/test_coap.py tests/peers/test_coap_hard.py tests/peers/test_coap_clients.py tests/peers/test_coap_document.py
check_DATA += tests/peers/coap_options.so
CLEANFILES += tests/peers/coap_options.so
tests/peers/coap_options.so: tests/peers/coap_options.c
	$(AM_V_GEN)$(MKDIR_P) tests/peers && $(CC) -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -shared -fPIC $(COAP_CFLAGS) -o $@ $(srcdir)/tests/peers/coap_options.c
endif
EXTRA_DIST += docs/coap.md tests/peers/test_coap.py tests/peers/test_coap_hard.py tests/peers/test_coap_clients.py tests/peers/test_coap_document.py tests/peers/raw_coap.py tests/peers/coap_far.py tests/peers/coap_options.c
