# bindings: protocols; libbindings.a.
noinst_LIBRARIES += libbindings.a
BINDING_LIBS = $(HTTP_PARSER_LIBS) $(CURL_LIBS) $(COAP_LIBS) $(MQTT_LIBS) $(WEBSOCKET_LIBS)
libbindings_a_SOURCES = \
	bindings/address.c bindings/address.h \
	bindings/guard.c bindings/guard.h \
	bindings/head.c bindings/head.h bindings/header.def \
	bindings/listener.c bindings/listener.h \
	bindings/media.c bindings/media.h bindings/media.def \
	bindings/primitive.c bindings/primitive.h \
	bindings/refusal.c bindings/refusal.h \
	bindings/registry.c bindings/registry.def bindings/registry.h \
	bindings/resolver.c bindings/resolver.h \
	bindings/target.c bindings/target.h bindings/query.def \
	bindings/transcoder.c bindings/transcoder.h \
	bindings/http/chunked.c bindings/http/chunked.h \
	bindings/http/client.c bindings/http/client.h \
	bindings/http/connection.c bindings/http/connection.h \
	bindings/http/dial.c bindings/http/dial.h \
	bindings/http/front.c bindings/http/front.h \
	bindings/http/input.c bindings/http/input.h \
	bindings/http/mapping.c bindings/http/mapping.h \
	bindings/http/origin.c bindings/http/origin.h \
	bindings/http/outbound.c bindings/http/outbound.h \
	bindings/http/reply.c bindings/http/reply.h \
	bindings/http/response.c bindings/http/response.h \
	bindings/http/route.c bindings/http/route.h

if WITH_COAP
libbindings_a_SOURCES += \
	bindings/coap/block.c bindings/coap/block.h \
	bindings/coap/coap.c bindings/coap/coap.h \
	bindings/coap/engine.c bindings/coap/engine.h \
	bindings/coap/exchange.c bindings/coap/exchange.h \
	bindings/coap/hop_message.c bindings/coap/hop_message.h \
	bindings/coap/keeper.c bindings/coap/keeper.h \
	bindings/coap/library.h \
	bindings/coap/link.c bindings/coap/link.h \
	bindings/coap/message.c bindings/coap/message.h \
	bindings/coap/observe.c bindings/coap/observe.h \
	bindings/coap/option.c bindings/coap/option.h bindings/coap/option.def bindings/coap/format.def \
	bindings/coap/sender.c bindings/coap/sender.h \
	bindings/coap/server.c bindings/coap/server.h \
	bindings/coap/tcp.c bindings/coap/tcp.h \
	bindings/coap/translate.c bindings/coap/translate.h
endif

if WITH_MQTT
libbindings_a_SOURCES += \
	bindings/mqtt/approach.c bindings/mqtt/approach.h \
	bindings/mqtt/broker.c bindings/mqtt/broker.h \
	bindings/mqtt/cache.c bindings/mqtt/cache.h \
	bindings/mqtt/inbound.c \
	bindings/mqtt/mqtt.c bindings/mqtt/mqtt.h \
	bindings/mqtt/outbound.c \
	bindings/mqtt/outbox.c bindings/mqtt/outbox.h \
	bindings/mqtt/rules.c bindings/mqtt/rules.h \
	bindings/mqtt/topic.c bindings/mqtt/topic.h
endif

if WITH_WEBSOCKET
libbindings_a_SOURCES += \
	bindings/websocket/session.c bindings/websocket/session.h \
	bindings/websocket/deflation.c bindings/websocket/deflation.h \
	bindings/websocket/frames.c bindings/websocket/frames.h \
	bindings/websocket/guest.c bindings/websocket/guest.h \
	bindings/websocket/handshake.c bindings/websocket/handshake.h \
	bindings/websocket/patience.c bindings/websocket/patience.h \
	bindings/websocket/registree.c bindings/websocket/registree.h \
	bindings/websocket/stream.c bindings/websocket/stream.h \
	bindings/websocket/websocket.c bindings/websocket/websocket.h
endif
