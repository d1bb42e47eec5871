# libresources.a: what a type does beyond its table.
noinst_LIBRARIES += libresources.a
libresources_a_SOURCES = \
	resources/access_control_policy.c \
	resources/ae.c \
	resources/aggregation.c \
	resources/container.c \
	resources/content_instance.c \
	resources/cse_base.c \
	resources/fan_out_point.c \
	resources/group.c resources/group.h \
	resources/latest.c \
	resources/members.c resources/members.h \
	resources/mgmt_obj.c \
	resources/node.c \
	resources/polling_channel.c \
	resources/registry.c resources/registry.def resources/registry.h \
	resources/request.c \
	resources/schedule.c \
	resources/subscription.c \
	resources/retention.c resources/retention.h \
	resources/virtuals.h
