/* notification: the notification data object, TS-0004 6.3.5.13 and 7.5.1.1, as JSON text in the request's arena. What
 * is composed here is the value of m2m:sgn; the root comes around it when it is sent, alone or with others. */
#ifndef CSE_CORE_NOTIFICATION_H
#define CSE_CORE_NOTIFICATION_H

#include "cse/core/request.h"
#include "cse/core/subscription.h"

/* representation: {"m2m:cnt":{...}}; ptr NULL: none. */
struct str notification_of_event(struct request *req, const struct subscription *subscription, enum event_type type,
				 struct str representation);
/* Of a monitored operation and its originator. */
struct str notification_of_operation(struct request *req, const struct subscription *subscription);
struct str notification_of_deletion(struct request *req, const struct subscription *subscription);
/* creator: who creates the subscription with this resourceID. TS-0004 7.5.1.2.3. */
struct str notification_of_verification(struct request *req, struct str id, struct str creator);

/* {root:text} / {"m2m:agn":{"m2m:sgn":[text,...]}}, appended to out. */
void notification_wrap(struct strbuf *out, const char *root, struct str text);
void notification_wrap_begin(struct strbuf *out);
void notification_wrap_next(struct strbuf *out, struct str text);
void notification_wrap_end(struct strbuf *out);

/* /id-in/rABC: valid for every receiver of this service provider. */
struct str sp_relative(struct request *req, struct str id);

#endif
