# libcore.a: the procedures.
noinst_LIBRARIES += libcore.a
libcore_a_SOURCES = \
	cse/core/address.c \
	cse/core/authorize.c \
	cse/core/base.c \
	cse/core/binding.h \
	cse/core/blocking.c \
	cse/core/channel.c cse/core/channel.h \
	cse/core/catalog.c cse/core/catalog.h \
	cse/core/commit.c cse/core/commit.h \
	cse/core/connected.c \
	cse/core/create.c \
	cse/core/cse.c cse/core/cse.h \
	cse/core/delete.c \
	cse/core/delivered.c \
	cse/core/dispatcher.c \
	cse/core/draft.c cse/core/draft.h \
	cse/core/discovery.c cse/core/discovery.h \
	cse/core/events.c cse/core/events.h \
	cse/core/expiry.c cse/core/expiry.h \
	cse/core/filter.c cse/core/filter.h cse/core/filter_labels.c cse/core/filter_match.c \
	cse/core/fanout.c cse/core/fanout.h \
	cse/core/gather.c cse/core/gather.h \
	cse/core/group_request.c \
	cse/core/hooks.h \
	cse/core/instance_cache.c cse/core/instance_cache.h \
	cse/core/instances.c cse/core/instances.h \
	cse/core/lane.c cse/core/lane.h \
	cse/core/lane_state.c \
	cse/core/listing.c \
	cse/core/nested_page.c \
	cse/core/load.c \
	cse/core/deferral.c \
	cse/core/meta_information.c \
	cse/core/non_blocking.c cse/core/non_blocking.h \
	cse/core/primitive_text.c cse/core/primitive_text.h \
	cse/core/notification.c cse/core/notification.h \
	cse/core/notifier.c cse/core/notifier.h \
	cse/core/notify.c \
	cse/core/originator.c cse/core/originator.h \
	cse/core/outgoing.c cse/core/outgoing.h \
	cse/core/policy.c cse/core/policy.h \
	cse/core/policy_set.c cse/core/policy_set.h \
	cse/core/precondition.c \
	cse/core/quota.c cse/core/quota.h \
	cse/core/references.c cse/core/references.h \
	cse/core/representation.c \
	cse/core/request.c cse/core/request.h \
	cse/core/result_content.c \
	cse/core/retrieve.c \
	cse/core/row.c \
	cse/core/scan.c cse/core/scan.h \
	cse/core/snapshot.c \
	cse/core/state.h \
	cse/core/subscription.c cse/core/subscription.h \
	cse/core/sweeper.c \
	cse/core/tree.c cse/core/tree.h \
	cse/core/update.c \
	cse/core/validity.c \
	cse/core/verify.c \
	cse/core/watch.c cse/core/watch.h
