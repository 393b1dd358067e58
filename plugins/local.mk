# SPDX-License-Identifier: GPL-3.0-or-later
# One executable for each check, one module for each source.

program_ldflags = $(AM_LDFLAGS) $(PROGRAM_LDFLAGS)
program_cflags = $(AM_CFLAGS) $(PROGRAM_CFLAGS)
# A module exports its descriptor and nothing else, and lacks nothing: what it uses is linked with it.
module_ldflags = $(AM_LDFLAGS) -module -avoid-version -shared -Wl,-z,defs -export-symbols-regex '^dr_source$$'

# Regular expressions, for the runs that use them.
if MODULES
pkglib_LTLIBRARIES += plugins/common-pattern.la
plugins_common_pattern_la_SOURCES = common/pattern_engine.c common/pattern_engine.h
plugins_common_pattern_la_CFLAGS = $(AM_CFLAGS) $(PCRE2_CFLAGS)
plugins_common_pattern_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared \
	-export-symbols-regex '^dr_pattern_engine$$'
plugins_common_pattern_la_LIBADD = common/libsource.la $(PCRE2_LIBS)
endif

# ---- what sources share around a client library: compiled once ----

noinst_LTLIBRARIES += common/client/libjson.la
common_client_libjson_la_SOURCES = \
	common/client/json_read.c common/client/json_read.h \
	common/client/json_stream.c common/client/json_stream.h
# Flags of its own give its objects names of their own: the unit tests compile the same files without libtool.
common_client_libjson_la_CFLAGS = $(AM_CFLAGS)

noinst_LTLIBRARIES += common/client/libkombu.la
common_client_libkombu_la_SOURCES = \
	common/moment.c common/moment.h \
	common/client/kombu.c common/client/kombu.h
common_client_libkombu_la_CFLAGS = $(AM_CFLAGS)
kombu_libs = common/client/libkombu.la common/client/libjson.la

if HAVE_LIBCURL
noinst_LTLIBRARIES += common/client/libhttp.la
http_sources = \
	common/client/http.c common/client/http.h \
	common/client/http_certificate.c common/client/http_certificate.h \
	common/client/http_url.c common/client/http_url.h
common_client_libhttp_la_SOURCES = $(http_sources)
common_client_libhttp_la_CFLAGS = $(AM_CFLAGS) $(LIBCURL_CFLAGS) $(OPENSSL_CFLAGS)
# OpenSSL, where there is one, is what libcurl loads anyway.
http_libs = common/client/libhttp.la $(LIBCURL_LIBS) $(OPENSSL_LIBS)
endif

if HAVE_AZURE
azure_cflags = $(LIBCURL_CFLAGS) $(LIBCRYPTO_CFLAGS) $(EXPAT_CFLAGS) $(JANSSON_CFLAGS)
azure_libs = common/client/libazure.la $(http_libs) $(LIBCRYPTO_LIBS) $(EXPAT_LIBS) $(JANSSON_LIBS)
noinst_LTLIBRARIES += common/client/libazure.la
common_client_libazure_la_SOURCES = \
	common/client/azure.c common/client/azure.h \
	common/client/azure_access.c common/client/azure_access.h \
	common/client/azure_error.c common/client/azure_error.h \
	common/client/azure_read.c common/client/azure_read.h \
	common/client/azure_sas.c common/client/azure_sas.h
common_client_libazure_la_CFLAGS = $(AM_CFLAGS) $(azure_cflags)
endif

# A socket: with TLS it is a library of its own, and so is the module of a Redis with TLS, because loading OpenSSL costs
# more than everything else that a Redis check does.
stream_sources = common/client/stream.c common/client/stream.h common/client/tls.h
noinst_LTLIBRARIES += common/client/libstream.la
common_client_libstream_la_SOURCES = $(stream_sources)
common_client_libstream_la_CFLAGS = $(AM_CFLAGS)
if HAVE_OPENSSL
noinst_LTLIBRARIES += common/client/libstreams.la
common_client_libstreams_la_SOURCES = $(stream_sources) common/client/tls.c
common_client_libstreams_la_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS) -DDR_STREAM_TLS
streams_libs = common/client/libstreams.la $(OPENSSL_LIBS)
endif

# For who needs no TLS; where all is linked into one file, the one that has it serves them, too.
if MODULES
plain_stream_libs = common/client/libstream.la
else
if HAVE_OPENSSL
plain_stream_libs = $(streams_libs)
else
plain_stream_libs = common/client/libstream.la
endif
endif

if HAVE_HIREDIS
noinst_LTLIBRARIES += common/client/libredis.la
common_client_libredis_la_SOURCES = \
	common/client/redis.c common/client/redis.h common/client/stream.h \
	common/client/redis_info.c common/client/redis_info.h
common_client_libredis_la_CFLAGS = $(AM_CFLAGS) $(HIREDIS_CFLAGS)
redis_libs = common/client/libredis.la common/client/libstream.la $(HIREDIS_LIBS)
rediss_libs = common/client/libredis.la $(streams_libs) $(HIREDIS_LIBS)
endif

# ---- check_replication_lag ----

libexec_PROGRAMS += plugins/check_replication_lag
noinst_LTLIBRARIES += plugins/libreplication.la
# The part that needs no source: facts and judge; the unit tests link it too.
plugins_libreplication_la_SOURCES = \
	plugins/replication/azure_targets.c plugins/replication/azure_targets.h \
	plugins/replication/facts.c plugins/replication/facts.h \
	plugins/replication/history.c plugins/replication/history.h \
	plugins/replication/board.c plugins/replication/board.h \
	plugins/replication/judge.c plugins/replication/judge.h plugins/replication/request.h \
	plugins/replication/judge_parts.h \
	plugins/replication/manual.c plugins/replication/manual.h \
	plugins/replication/judge_expected.c \
	plugins/replication/judge_set.c \
	plugins/replication/judge_slots.c \
	plugins/replication/judge_standby.c \
	plugins/replication/judge_verdict.c \
	plugins/replication/words.c plugins/replication/words.h \
	plugins/replication/survey.c plugins/replication/survey.h \
	plugins/replication/watch.c plugins/replication/watch.h \
	plugins/replication/synchronous.c plugins/replication/synchronous.h
plugins_check_replication_lag_SOURCES = plugins/check_replication_lag.c
plugins_check_replication_lag_CFLAGS = $(program_cflags)
plugins_check_replication_lag_LDFLAGS = $(program_ldflags)
plugins_check_replication_lag_LDADD = plugins/libreplication.la common/libcommon.la

# What every source of it is linked with.
replication_source = \
	plugins/replication/board.c plugins/replication/facts.c plugins/replication/watch.c

if HAVE_LIBPQ
replication_postgresql_sources = \
	common/client/pg.c common/client/pg.h \
	common/client/pg_row.c common/client/pg_row.h \
	plugins/replication/postgresql.c \
	plugins/replication/postgresql_query.c plugins/replication/postgresql_query.h \
	plugins/replication/postgresql_read.c plugins/replication/postgresql_read.h
if MODULES
pkglib_LTLIBRARIES += plugins/replication-postgresql.la
plugins_replication_postgresql_la_SOURCES = $(replication_postgresql_sources) $(replication_source)
plugins_replication_postgresql_la_CFLAGS = $(AM_CFLAGS) $(LIBPQ_CFLAGS)
plugins_replication_postgresql_la_LDFLAGS = $(module_ldflags)
plugins_replication_postgresql_la_LIBADD = common/libsource.la $(LIBPQ_LIBS)
else
plugins_check_replication_lag_SOURCES += $(replication_postgresql_sources)
plugins_check_replication_lag_CFLAGS += $(LIBPQ_CFLAGS)
plugins_check_replication_lag_LDADD += $(LIBPQ_LIBS)
endif
endif

if HAVE_MONGOC
replication_mongodb_sources = \
	common/client/mongo.c common/client/mongo.h \
	plugins/replication/mongodb.c \
	plugins/replication/mongodb_read.c plugins/replication/mongodb_read.h
if MODULES
pkglib_LTLIBRARIES += plugins/replication-mongodb.la
plugins_replication_mongodb_la_SOURCES = $(replication_mongodb_sources) $(replication_source)
plugins_replication_mongodb_la_CFLAGS = $(AM_CFLAGS) $(MONGOC_CFLAGS)
plugins_replication_mongodb_la_LDFLAGS = $(module_ldflags)
plugins_replication_mongodb_la_LIBADD = common/libsource.la $(MONGOC_LIBS)
else
plugins_check_replication_lag_SOURCES += $(replication_mongodb_sources)
plugins_check_replication_lag_CFLAGS += $(MONGOC_CFLAGS)
plugins_check_replication_lag_LDADD += $(MONGOC_LIBS)
endif
endif

if HAVE_FREETDS
replication_mssql_sources = \
	common/client/tds.c common/client/tds.h \
	plugins/replication/mssql.c \
	plugins/replication/mssql_read.c plugins/replication/mssql_read.h
if MODULES
pkglib_LTLIBRARIES += plugins/replication-mssql.la
plugins_replication_mssql_la_SOURCES = $(replication_mssql_sources) $(replication_source)
plugins_replication_mssql_la_CFLAGS = $(AM_CFLAGS)
plugins_replication_mssql_la_LDFLAGS = $(module_ldflags)
plugins_replication_mssql_la_LIBADD = common/libsource.la $(FREETDS_LIBS)
else
plugins_check_replication_lag_SOURCES += $(replication_mssql_sources)
plugins_check_replication_lag_LDADD += $(FREETDS_LIBS)
endif
endif

if HAVE_AZURE
replication_azure_sources = \
	plugins/replication/azure.c \
	plugins/replication/azure_read.c plugins/replication/azure_read.h
if MODULES
pkglib_LTLIBRARIES += plugins/replication-azure.la
plugins_replication_azure_la_SOURCES = $(replication_azure_sources) $(replication_source)
plugins_replication_azure_la_CFLAGS = $(AM_CFLAGS) $(azure_cflags)
plugins_replication_azure_la_LDFLAGS = $(module_ldflags)
plugins_replication_azure_la_LIBADD = common/libsource.la $(azure_libs)
else
plugins_check_replication_lag_SOURCES += $(replication_azure_sources)
plugins_check_replication_lag_CFLAGS += $(azure_cflags)
plugins_check_replication_lag_LDADD += $(azure_libs)
endif
endif

if HAVE_HIREDIS
replication_redis_sources = \
	plugins/replication/redis.c \
	plugins/replication/redis_cluster.c plugins/replication/redis_cluster.h \
	plugins/replication/redis_read.c plugins/replication/redis_read.h \
	plugins/replication/redis_sentinel.c plugins/replication/redis_sentinel.h
if MODULES
pkglib_LTLIBRARIES += plugins/replication-redis.la
plugins_replication_redis_la_SOURCES = $(replication_redis_sources) $(replication_source)
plugins_replication_redis_la_CFLAGS = $(AM_CFLAGS) $(HIREDIS_CFLAGS)
plugins_replication_redis_la_LDFLAGS = $(module_ldflags)
plugins_replication_redis_la_LIBADD = common/libsource.la $(redis_libs)
if HAVE_OPENSSL
pkglib_LTLIBRARIES += plugins/replication-rediss.la
plugins_replication_rediss_la_SOURCES = $(replication_redis_sources) $(replication_source)
plugins_replication_rediss_la_CFLAGS = $(AM_CFLAGS) $(HIREDIS_CFLAGS) -DDR_STREAM_TLS
plugins_replication_rediss_la_LDFLAGS = $(module_ldflags)
plugins_replication_rediss_la_LIBADD = common/libsource.la $(rediss_libs)
endif
else
plugins_check_replication_lag_SOURCES += $(replication_redis_sources)
plugins_check_replication_lag_CFLAGS += $(HIREDIS_CFLAGS)
if HAVE_OPENSSL
plugins_check_replication_lag_CFLAGS += -DDR_STREAM_TLS
plugins_check_replication_lag_LDADD += $(rediss_libs)
else
plugins_check_replication_lag_LDADD += $(redis_libs)
endif
endif
endif

# ---- check_queue_mirrors ----

libexec_PROGRAMS += plugins/check_queue_mirrors
noinst_LTLIBRARIES += plugins/libqueues.la
plugins_libqueues_la_SOURCES = \
	plugins/queues/board.c plugins/queues/board.h \
	plugins/queues/facts.c plugins/queues/facts.h \
	plugins/queues/history.c plugins/queues/history.h \
	plugins/queues/judge.c plugins/queues/judge.h plugins/queues/judge_parts.h \
	plugins/queues/judge_amqp.c \
	plugins/queues/judge_azure.c \
	plugins/queues/judge_celery.c \
	plugins/queues/judge_cluster.c \
	plugins/queues/judge_compare.c \
	plugins/queues/judge_loss.c \
	plugins/queues/judge_names.c \
	plugins/queues/judge_past.c \
	plugins/queues/judge_proof.c \
	plugins/queues/judge_queues.c \
	plugins/queues/loss.c plugins/queues/loss.h \
	plugins/queues/manual.c plugins/queues/manual.h plugins/queues/request.h \
	plugins/queues/roster.c plugins/queues/roster.h
plugins_check_queue_mirrors_SOURCES = plugins/check_queue_mirrors.c
plugins_check_queue_mirrors_CFLAGS = $(program_cflags)
plugins_check_queue_mirrors_LDFLAGS = $(program_ldflags)
plugins_check_queue_mirrors_LDADD = plugins/libqueues.la common/libcommon.la
if !MODULES
plugins_check_queue_mirrors_LDADD += $(kombu_libs)
endif

# What every source of it is linked with.
queues_source = plugins/queues/board.c plugins/queues/facts.c plugins/queues/roster.c

if HAVE_LIBCURL
queues_rabbitmq_sources = \
	plugins/queues/rabbitmq.c \
	common/client/rabbitmq_access.c common/client/rabbitmq_access.h \
	common/client/rabbitmq_value.c common/client/rabbitmq_value.h \
	plugins/queues/rabbitmq_list.c plugins/queues/rabbitmq_list.h \
	plugins/queues/rabbitmq_policies.c plugins/queues/rabbitmq_policies.h \
	plugins/queues/rabbitmq_queues.c plugins/queues/rabbitmq_queues.h \
	plugins/queues/rabbitmq_read.c plugins/queues/rabbitmq_read.h
if MODULES
pkglib_LTLIBRARIES += plugins/queues-rabbitmq.la
plugins_queues_rabbitmq_la_SOURCES = $(queues_rabbitmq_sources) $(queues_source)
plugins_queues_rabbitmq_la_CFLAGS = $(AM_CFLAGS) $(LIBCURL_CFLAGS)
plugins_queues_rabbitmq_la_LDFLAGS = $(module_ldflags)
plugins_queues_rabbitmq_la_LIBADD = common/libsource.la common/client/libjson.la $(http_libs)
else
plugins_check_queue_mirrors_SOURCES += $(queues_rabbitmq_sources)
plugins_check_queue_mirrors_CFLAGS += $(LIBCURL_CFLAGS)
plugins_check_queue_mirrors_LDADD += $(http_libs)
endif
endif

if HAVE_HIREDIS
queues_celery_sources = \
	common/client/kombu_redis.c common/client/kombu_redis.h \
	plugins/queues/celery.c plugins/queues/celery_ask.h \
	plugins/queues/celery_flight.c plugins/queues/celery_queues.c \
	plugins/queues/celery_read.c plugins/queues/celery_read.h
if MODULES
pkglib_LTLIBRARIES += plugins/queues-celery.la
plugins_queues_celery_la_SOURCES = $(queues_celery_sources) $(queues_source)
plugins_queues_celery_la_CFLAGS = $(AM_CFLAGS) $(HIREDIS_CFLAGS)
plugins_queues_celery_la_LDFLAGS = $(module_ldflags)
plugins_queues_celery_la_LIBADD = common/libsource.la $(kombu_libs) $(redis_libs)
if HAVE_OPENSSL
pkglib_LTLIBRARIES += plugins/queues-celerys.la
plugins_queues_celerys_la_SOURCES = $(queues_celery_sources) $(queues_source)
plugins_queues_celerys_la_CFLAGS = $(AM_CFLAGS) $(HIREDIS_CFLAGS) -DDR_STREAM_TLS
plugins_queues_celerys_la_LDFLAGS = $(module_ldflags)
plugins_queues_celerys_la_LIBADD = common/libsource.la $(kombu_libs) $(rediss_libs)
endif
else
plugins_check_queue_mirrors_SOURCES += $(queues_celery_sources)
plugins_check_queue_mirrors_CFLAGS += $(HIREDIS_CFLAGS)
if HAVE_OPENSSL
plugins_check_queue_mirrors_CFLAGS += -DDR_STREAM_TLS
plugins_check_queue_mirrors_LDADD += $(rediss_libs)
else
plugins_check_queue_mirrors_LDADD += $(redis_libs)
endif
endif
endif

if HAVE_AZURE
queues_azure_sources = plugins/queues/azure.c plugins/queues/azure_read.c plugins/queues/azure_read.h
if MODULES
pkglib_LTLIBRARIES += plugins/queues-azure.la
plugins_queues_azure_la_SOURCES = $(queues_azure_sources) $(queues_source)
plugins_queues_azure_la_CFLAGS = $(AM_CFLAGS) $(azure_cflags)
plugins_queues_azure_la_LDFLAGS = $(module_ldflags)
plugins_queues_azure_la_LIBADD = common/libsource.la $(azure_libs)
else
plugins_check_queue_mirrors_SOURCES += $(queues_azure_sources)
plugins_check_queue_mirrors_CFLAGS += $(azure_cflags)
plugins_check_queue_mirrors_LDADD += $(azure_libs)
endif
endif

if HAVE_RABBITMQ
queues_amqp_sources = \
	common/client/amqp.c common/client/amqp.h \
	plugins/queues/amqp.c
# librabbitmq drags OpenSSL in anyway: TLS is no module of its own here.
if HAVE_OPENSSL
queues_amqp_libs = $(streams_libs) $(RABBITMQ_LIBS)
else
queues_amqp_libs = common/client/libstream.la $(RABBITMQ_LIBS)
endif
if MODULES
pkglib_LTLIBRARIES += plugins/queues-amqp.la
plugins_queues_amqp_la_SOURCES = $(queues_amqp_sources) $(queues_source)
plugins_queues_amqp_la_CFLAGS = $(AM_CFLAGS) $(RABBITMQ_CFLAGS)
plugins_queues_amqp_la_LDFLAGS = $(module_ldflags)
plugins_queues_amqp_la_LIBADD = common/libsource.la $(queues_amqp_libs)
else
plugins_check_queue_mirrors_SOURCES += $(queues_amqp_sources)
plugins_check_queue_mirrors_CFLAGS += $(RABBITMQ_CFLAGS)
plugins_check_queue_mirrors_LDADD += $(queues_amqp_libs)
endif
endif

# ---- check_liveness ----

libexec_PROGRAMS += plugins/check_liveness
noinst_LTLIBRARIES += plugins/libliveness.la
plugins_libliveness_la_SOURCES = \
	plugins/liveness/active_file.c plugins/liveness/active_file.h \
	plugins/liveness/condition.c plugins/liveness/condition.h plugins/liveness/condition_parts.h \
	plugins/liveness/facts.c plugins/liveness/facts.h \
	plugins/liveness/history.c plugins/liveness/history.h \
	plugins/liveness/judge.c plugins/liveness/judge.h \
	plugins/liveness/judge_agree.c \
	plugins/liveness/judge_names.c \
	plugins/liveness/judge_pace.c \
	plugins/liveness/judge_parts.h \
	plugins/liveness/judge_pools.c \
	plugins/liveness/judge_sites.c \
	plugins/liveness/manual.c plugins/liveness/manual.h \
	plugins/liveness/request.c plugins/liveness/request.h \
	plugins/liveness/scope.c plugins/liveness/scope.h \
	plugins/liveness/signs.c plugins/liveness/signs.h
# Numbers in conditions are those of JSON.
plugins_libliveness_la_LIBADD = common/client/libjson.la
plugins_check_liveness_SOURCES = plugins/check_liveness.c
plugins_check_liveness_CFLAGS = $(program_cflags)
plugins_check_liveness_LDFLAGS = $(program_ldflags)
plugins_check_liveness_LDADD = plugins/libliveness.la common/libcommon.la

# What every source of it is linked with.
liveness_source = plugins/liveness/facts.c plugins/liveness/watch.c plugins/liveness/watch.h
if !MODULES
plugins_check_liveness_SOURCES += plugins/liveness/watch.c plugins/liveness/watch.h
endif

# What its sources that ask over HTTP share; linked with common/client/libjson.la and $(http_libs).
if HAVE_LIBCURL
noinst_LTLIBRARIES += plugins/libliveweb.la
plugins_libliveweb_la_SOURCES = \
	common/client/web_access.c common/client/web_access.h \
	plugins/liveness/access.c plugins/liveness/access.h \
	plugins/liveness/condition.h plugins/liveness/condition_parts.h \
	plugins/liveness/condition_test.c \
	plugins/liveness/look.c plugins/liveness/look.h
# The executable has these already where the sources are linked into it.
if MODULES
plugins_libliveweb_la_SOURCES += plugins/liveness/condition.c plugins/liveness/request.c \
	common/module.c common/pattern.c
endif
plugins_libliveweb_la_CFLAGS = $(AM_CFLAGS)
liveweb_libs = plugins/libliveweb.la common/client/libjson.la $(http_libs)

liveness_haproxy_sources = \
	plugins/liveness/haproxy.c \
	plugins/liveness/haproxy_direct.c plugins/liveness/haproxy_direct.h \
	plugins/liveness/haproxy_read.c plugins/liveness/haproxy_read.h \
	plugins/liveness/haproxy_units.c plugins/liveness/haproxy_units.h
liveness_haproxy_libs = $(plain_stream_libs) $(liveweb_libs)
if MODULES
pkglib_LTLIBRARIES += plugins/liveness-haproxy.la
plugins_liveness_haproxy_la_SOURCES = $(liveness_haproxy_sources) $(liveness_source)
plugins_liveness_haproxy_la_CFLAGS = $(AM_CFLAGS) $(LIBCURL_CFLAGS)
plugins_liveness_haproxy_la_LDFLAGS = $(module_ldflags)
plugins_liveness_haproxy_la_LIBADD = common/libsource.la $(liveness_haproxy_libs)
else
plugins_check_liveness_SOURCES += $(liveness_haproxy_sources)
plugins_check_liveness_LDADD += $(liveness_haproxy_libs)
endif

liveness_http_sources = plugins/liveness/http.c
if MODULES
pkglib_LTLIBRARIES += plugins/liveness-http.la
plugins_liveness_http_la_SOURCES = $(liveness_http_sources) $(liveness_source)
plugins_liveness_http_la_CFLAGS = $(AM_CFLAGS)
plugins_liveness_http_la_LDFLAGS = $(module_ldflags)
plugins_liveness_http_la_LIBADD = common/libsource.la $(liveweb_libs)
else
plugins_check_liveness_SOURCES += $(liveness_http_sources)
plugins_check_liveness_LDADD += $(liveweb_libs)
endif

# The API server of Kubernetes; with common/client/web_access.c and kubernetes_list.c.
kubernetes_client = \
	common/client/kubernetes_access.c common/client/kubernetes_access.h \
	common/client/kubernetes_ask.c common/client/kubernetes_ask.h \
	common/client/kubernetes_config.c common/client/kubernetes_config.h
liveness_kubernetes_sources = \
	$(kubernetes_client) common/client/kubernetes_list.c common/client/kubernetes_list.h \
	plugins/liveness/kubernetes.c \
	plugins/liveness/kubernetes_access.c plugins/liveness/kubernetes_access.h \
	plugins/liveness/kubernetes_read.c plugins/liveness/kubernetes_read.h \
	plugins/liveness/kubernetes_units.c plugins/liveness/kubernetes_units.h
if MODULES
pkglib_LTLIBRARIES += plugins/liveness-kubernetes.la
plugins_liveness_kubernetes_la_SOURCES = $(liveness_kubernetes_sources) $(liveness_source)
plugins_liveness_kubernetes_la_CFLAGS = $(AM_CFLAGS) $(YAML_CFLAGS)
plugins_liveness_kubernetes_la_LDFLAGS = $(module_ldflags)
plugins_liveness_kubernetes_la_LIBADD = common/libsource.la $(liveweb_libs) $(YAML_LIBS)
else
plugins_check_liveness_SOURCES += $(liveness_kubernetes_sources)
plugins_check_liveness_CFLAGS += $(YAML_CFLAGS)
plugins_check_liveness_LDADD += $(YAML_LIBS)
endif

liveness_openfaas_sources = \
	plugins/liveness/openfaas.c \
	plugins/liveness/openfaas_read.c plugins/liveness/openfaas_read.h
if MODULES
pkglib_LTLIBRARIES += plugins/liveness-openfaas.la
plugins_liveness_openfaas_la_SOURCES = $(liveness_openfaas_sources) $(liveness_source)
plugins_liveness_openfaas_la_CFLAGS = $(AM_CFLAGS)
plugins_liveness_openfaas_la_LDFLAGS = $(module_ldflags)
plugins_liveness_openfaas_la_LIBADD = common/libsource.la $(liveweb_libs)
else
plugins_check_liveness_SOURCES += $(liveness_openfaas_sources)
endif
endif

if HAVE_LIBCURL
if HAVE_JANSSON
liveness_elasticsearch_sources = \
	plugins/liveness/elasticsearch.c \
	plugins/liveness/elasticsearch_read.c plugins/liveness/elasticsearch_read.h
liveness_service_sources = \
	plugins/liveness/service.c \
	plugins/liveness/service_read.c plugins/liveness/service_read.h
# What those that read JSON with jansson share.
noinst_LTLIBRARIES += plugins/liblivejansson.la
plugins_liblivejansson_la_SOURCES = plugins/liveness/json.c plugins/liveness/json.h
plugins_liblivejansson_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
liveness_jansson_libs = plugins/liblivejansson.la plugins/libliveweb.la common/client/libjson.la $(http_libs) \
	$(JANSSON_LIBS)
if MODULES
pkglib_LTLIBRARIES += plugins/liveness-elasticsearch.la plugins/liveness-service.la
plugins_liveness_elasticsearch_la_SOURCES = $(liveness_elasticsearch_sources) $(liveness_source)
plugins_liveness_elasticsearch_la_CFLAGS = $(AM_CFLAGS) $(LIBCURL_CFLAGS) $(JANSSON_CFLAGS)
plugins_liveness_elasticsearch_la_LDFLAGS = $(module_ldflags)
plugins_liveness_elasticsearch_la_LIBADD = common/libsource.la $(liveness_jansson_libs)
plugins_liveness_service_la_SOURCES = $(liveness_service_sources) $(liveness_source) \
	common/duration.c common/number.c
plugins_liveness_service_la_CFLAGS = $(AM_CFLAGS) $(LIBCURL_CFLAGS) $(JANSSON_CFLAGS)
plugins_liveness_service_la_LDFLAGS = $(module_ldflags)
plugins_liveness_service_la_LIBADD = common/libsource.la $(liveness_jansson_libs)
else
plugins_check_liveness_SOURCES += $(liveness_elasticsearch_sources) $(liveness_service_sources)
plugins_check_liveness_CFLAGS += $(LIBCURL_CFLAGS) $(JANSSON_CFLAGS)
plugins_check_liveness_LDADD += $(liveness_jansson_libs)
endif
endif
endif

if MODULES
pkglib_LTLIBRARIES += plugins/liveness-file.la plugins/liveness-tcp.la
plugins_liveness_file_la_SOURCES = plugins/liveness/file.c $(liveness_source) \
	common/duration.c common/number.c
plugins_liveness_file_la_CFLAGS = $(AM_CFLAGS)
plugins_liveness_file_la_LDFLAGS = $(module_ldflags)
plugins_liveness_file_la_LIBADD = common/libsource.la
plugins_liveness_tcp_la_SOURCES = plugins/liveness/tcp.c $(liveness_source) \
	common/module.c common/pattern.c
plugins_liveness_tcp_la_CFLAGS = $(AM_CFLAGS)
plugins_liveness_tcp_la_LDFLAGS = $(module_ldflags)
plugins_liveness_tcp_la_LIBADD = common/libsource.la
else
plugins_check_liveness_SOURCES += plugins/liveness/file.c plugins/liveness/tcp.c
endif
if HAVE_LIBCURL
liveness_consumers_sources = \
	common/client/rabbitmq_access.c common/client/rabbitmq_access.h \
	common/client/rabbitmq_value.c common/client/rabbitmq_value.h \
	plugins/liveness/consumers.c \
	plugins/liveness/consumers_read.c plugins/liveness/consumers_read.h
if MODULES
pkglib_LTLIBRARIES += plugins/liveness-consumers.la
plugins_liveness_consumers_la_SOURCES = $(liveness_consumers_sources) $(liveness_source)
plugins_liveness_consumers_la_CFLAGS = $(AM_CFLAGS) $(LIBCURL_CFLAGS)
plugins_liveness_consumers_la_LDFLAGS = $(module_ldflags)
plugins_liveness_consumers_la_LIBADD = common/libsource.la common/client/libjson.la $(http_libs)
else
plugins_check_liveness_SOURCES += $(liveness_consumers_sources)
plugins_check_liveness_CFLAGS += $(LIBCURL_CFLAGS)
plugins_check_liveness_LDADD += $(http_libs)
endif
endif

if HAVE_HIREDIS
liveness_jobs_sources = \
	common/moment.c common/moment.h \
	plugins/liveness/jobs.c plugins/liveness/jobs.h \
	plugins/liveness/jobs_read.c plugins/liveness/jobs_read.h \
	plugins/liveness/jobs_rq.c plugins/liveness/jobs_sidekiq.c \
	plugins/liveness/jobs_timers.c
if MODULES
pkglib_LTLIBRARIES += plugins/liveness-jobs.la
plugins_liveness_jobs_la_SOURCES = $(liveness_jobs_sources) $(liveness_source)
plugins_liveness_jobs_la_CFLAGS = $(AM_CFLAGS) $(HIREDIS_CFLAGS)
plugins_liveness_jobs_la_LDFLAGS = $(module_ldflags)
plugins_liveness_jobs_la_LIBADD = common/libsource.la common/client/libjson.la $(redis_libs)
if HAVE_OPENSSL
pkglib_LTLIBRARIES += plugins/liveness-jobss.la
plugins_liveness_jobss_la_SOURCES = $(liveness_jobs_sources) $(liveness_source)
plugins_liveness_jobss_la_CFLAGS = $(AM_CFLAGS) $(HIREDIS_CFLAGS) -DDR_STREAM_TLS
plugins_liveness_jobss_la_LDFLAGS = $(module_ldflags)
plugins_liveness_jobss_la_LIBADD = common/libsource.la common/client/libjson.la $(rediss_libs)
endif
else
plugins_check_liveness_SOURCES += $(liveness_jobs_sources)
plugins_check_liveness_CFLAGS += $(HIREDIS_CFLAGS)
if HAVE_OPENSSL
plugins_check_liveness_CFLAGS += -DDR_STREAM_TLS
plugins_check_liveness_LDADD += $(rediss_libs)
else
plugins_check_liveness_LDADD += $(redis_libs)
endif
endif
endif

# Celery: what its two sources share.
liveness_celery_fleet = \
	plugins/liveness/celery_fleet.c plugins/liveness/celery_fleet.h \
	plugins/liveness/celery_report.c plugins/liveness/celery_report.h
if !MODULES
plugins_check_liveness_SOURCES += $(liveness_celery_fleet)
plugins_check_liveness_LDADD += $(kombu_libs)
endif

if HAVE_HIREDIS
liveness_celery_sources = \
	common/client/kombu_redis.c common/client/kombu_redis.h \
	plugins/liveness/celery.c plugins/liveness/celery_ask.h \
	plugins/liveness/celery_queues.c \
	plugins/liveness/celery_stop.c plugins/liveness/celery_stop.h
if MODULES
pkglib_LTLIBRARIES += plugins/liveness-celery.la
plugins_liveness_celery_la_SOURCES = \
	$(liveness_celery_sources) $(liveness_celery_fleet) $(liveness_source)
plugins_liveness_celery_la_CFLAGS = $(AM_CFLAGS) $(HIREDIS_CFLAGS)
plugins_liveness_celery_la_LDFLAGS = $(module_ldflags)
plugins_liveness_celery_la_LIBADD = common/libsource.la $(kombu_libs) $(redis_libs)
if HAVE_OPENSSL
pkglib_LTLIBRARIES += plugins/liveness-celerys.la
plugins_liveness_celerys_la_SOURCES = \
	$(liveness_celery_sources) $(liveness_celery_fleet) $(liveness_source)
plugins_liveness_celerys_la_CFLAGS = $(AM_CFLAGS) $(HIREDIS_CFLAGS) -DDR_STREAM_TLS
plugins_liveness_celerys_la_LDFLAGS = $(module_ldflags)
plugins_liveness_celerys_la_LIBADD = common/libsource.la $(kombu_libs) $(rediss_libs)
endif
else
# The libraries are those of the jobs.
plugins_check_liveness_SOURCES += $(liveness_celery_sources)
endif
endif

if HAVE_RABBITMQ
liveness_celeryamqp_sources = \
	common/client/amqp.c common/client/amqp.h \
	plugins/liveness/celery_amqp.c
if MODULES
pkglib_LTLIBRARIES += plugins/liveness-celeryamqp.la
plugins_liveness_celeryamqp_la_SOURCES = \
	$(liveness_celeryamqp_sources) $(liveness_celery_fleet) $(liveness_source)
plugins_liveness_celeryamqp_la_CFLAGS = $(AM_CFLAGS) $(RABBITMQ_CFLAGS)
plugins_liveness_celeryamqp_la_LDFLAGS = $(module_ldflags)
plugins_liveness_celeryamqp_la_LIBADD = common/libsource.la $(kombu_libs) $(queues_amqp_libs)
else
plugins_check_liveness_SOURCES += $(liveness_celeryamqp_sources)
plugins_check_liveness_CFLAGS += $(RABBITMQ_CFLAGS)
plugins_check_liveness_LDADD += $(queues_amqp_libs)
endif
endif

# ---- check_dns_target ----

libexec_PROGRAMS += plugins/check_dns_target
noinst_LTLIBRARIES += plugins/libdns.la
plugins_libdns_la_SOURCES = \
	plugins/dns/address.c plugins/dns/address.h \
	plugins/dns/facts.c plugins/dns/facts.h \
	plugins/dns/history.c plugins/dns/history.h \
	plugins/dns/given.c plugins/dns/given.h \
	plugins/dns/judge.c plugins/dns/judge.h \
	plugins/dns/judge_parts.h \
	plugins/dns/judge_places.c \
	plugins/dns/judge_remembered.c \
	plugins/dns/judge_standby.c \
	plugins/dns/judge_survival.c \
	plugins/dns/judge_switch.c \
	plugins/dns/judge_time.c \
	plugins/dns/judge_views.c \
	plugins/dns/judge_words.c \
	plugins/dns/judge_zone.c \
	plugins/dns/manual.c plugins/dns/manual.h \
	plugins/dns/name.c plugins/dns/name.h \
	plugins/dns/request.h \
	plugins/dns/site.c plugins/dns/site.h
plugins_check_dns_target_SOURCES = plugins/check_dns_target.c common/moment.c common/moment.h
plugins_check_dns_target_CFLAGS = $(program_cflags)
plugins_check_dns_target_LDFLAGS = $(program_ldflags)
plugins_check_dns_target_LDADD = plugins/libdns.la common/libcommon.la

# What every source of it is linked with; the executable has the first of it already.
dns_shared = plugins/dns/address.c plugins/dns/facts.c plugins/dns/name.c
dns_wire = \
	plugins/dns/answer.c plugins/dns/answer.h plugins/dns/answer_join.c \
	plugins/dns/connection.c plugins/dns/connection.h \
	plugins/dns/exchange.c plugins/dns/exchange.h \
	plugins/dns/message.c plugins/dns/message.h
if !MODULES
plugins_check_dns_target_SOURCES += $(dns_wire)
endif

# The servers of the zone.
dns_zone_sources = \
	plugins/dns/zone.c plugins/dns/zone.h plugins/dns/zone_servers.c \
	plugins/dns/delegation.c plugins/dns/delegation.h plugins/dns/delegation_parts.h \
	plugins/dns/delegation_find.c plugins/dns/delegation_hosts.c plugins/dns/delegation_parent.c
if MODULES
pkglib_LTLIBRARIES += plugins/dns-zone.la
plugins_dns_zone_la_SOURCES = $(dns_zone_sources) $(dns_wire) $(dns_shared)
plugins_dns_zone_la_CFLAGS = $(AM_CFLAGS)
plugins_dns_zone_la_LDFLAGS = $(module_ldflags)
plugins_dns_zone_la_LIBADD = common/libsource.la
else
plugins_check_dns_target_SOURCES += $(dns_zone_sources)
endif

# The same with validation: only that costs the loading of ldns.
if HAVE_LDNS
dns_validate_sources = \
	plugins/dns/denial.c plugins/dns/denial.h \
	plugins/dns/validate.c plugins/dns/validate.h plugins/dns/validate_parts.h \
	plugins/dns/validate_keys.c plugins/dns/validate_set.c
if MODULES
pkglib_LTLIBRARIES += plugins/dns-zonesec.la
plugins_dns_zonesec_la_SOURCES = $(dns_zone_sources) $(dns_validate_sources) $(dns_wire) $(dns_shared) \
	common/duration.c common/number.c
plugins_dns_zonesec_la_CFLAGS = $(AM_CFLAGS) $(LDNS_CFLAGS) -DDNS_VALIDATION
plugins_dns_zonesec_la_LDFLAGS = $(module_ldflags)
plugins_dns_zonesec_la_LIBADD = common/libsource.la $(LDNS_LIBS)
else
plugins_check_dns_target_SOURCES += $(dns_validate_sources)
plugins_check_dns_target_CFLAGS += $(LDNS_CFLAGS) -DDNS_VALIDATION
plugins_check_dns_target_LDADD += $(LDNS_LIBS)
endif
endif

# Resolvers: over UDP and TCP, over TLS, over HTTPS.
dns_resolver_sources = plugins/dns/resolver.c plugins/dns/samples.c plugins/dns/samples.h
if MODULES
pkglib_LTLIBRARIES += plugins/dns-resolver.la
plugins_dns_resolver_la_SOURCES = $(dns_resolver_sources) $(dns_wire) $(dns_shared)
plugins_dns_resolver_la_CFLAGS = $(AM_CFLAGS)
plugins_dns_resolver_la_LDFLAGS = $(module_ldflags)
plugins_dns_resolver_la_LIBADD = common/libsource.la
else
plugins_check_dns_target_SOURCES += $(dns_resolver_sources)
endif

if HAVE_OPENSSL
dns_tls_sources = plugins/dns/tls.c
if MODULES
pkglib_LTLIBRARIES += plugins/dns-tls.la
plugins_dns_tls_la_SOURCES = $(dns_tls_sources) plugins/dns/samples.c $(dns_wire) $(dns_shared)
plugins_dns_tls_la_CFLAGS = $(AM_CFLAGS)
plugins_dns_tls_la_LDFLAGS = $(module_ldflags)
plugins_dns_tls_la_LIBADD = common/libsource.la $(streams_libs)
else
plugins_check_dns_target_SOURCES += $(dns_tls_sources)
plugins_check_dns_target_LDADD += $(streams_libs)
endif
endif

if HAVE_LIBCURL
dns_https_sources = plugins/dns/https.c
if MODULES
pkglib_LTLIBRARIES += plugins/dns-https.la
plugins_dns_https_la_SOURCES = $(dns_https_sources) plugins/dns/samples.c $(dns_wire) $(dns_shared)
plugins_dns_https_la_CFLAGS = $(AM_CFLAGS)
plugins_dns_https_la_LDFLAGS = $(module_ldflags)
plugins_dns_https_la_LIBADD = common/libsource.la $(http_libs)
else
plugins_check_dns_target_SOURCES += $(dns_https_sources)
plugins_check_dns_target_LDADD += $(http_libs)
endif
endif

# ---- check_backup_freshness ----

libexec_PROGRAMS += plugins/check_backup_freshness
noinst_LTLIBRARIES += plugins/libbackups.la
plugins_libbackups_la_SOURCES = \
	plugins/backups/compare.c plugins/backups/compare.h \
	plugins/backups/drill.c plugins/backups/drill.h \
	plugins/backups/facts.c plugins/backups/facts.h \
	plugins/backups/history.c plugins/backups/history.h \
	plugins/backups/judge.c plugins/backups/judge.h \
	plugins/backups/judge_limits.c \
	plugins/backups/judge_log.c \
	plugins/backups/judge_metrics.c \
	plugins/backups/judge_parts.h \
	plugins/backups/judge_points.c \
	plugins/backups/judge_restore.c \
	plugins/backups/judge_series.c \
	plugins/backups/judge_target.c \
	plugins/backups/manual.c plugins/backups/manual.h \
	plugins/backups/name_format.c plugins/backups/names.c plugins/backups/names.h \
	plugins/backups/request.h \
	plugins/backups/signs.c plugins/backups/signs.h \
	plugins/backups/store.c plugins/backups/store.h \
	plugins/backups/wal.c plugins/backups/wal.h \
	plugins/backups/wanted.c plugins/backups/wanted.h
plugins_libbackups_la_LIBADD = common/client/libjson.la
plugins_check_backup_freshness_SOURCES = plugins/check_backup_freshness.c common/moment.c common/moment.h
plugins_check_backup_freshness_CFLAGS = $(program_cflags)
plugins_check_backup_freshness_LDFLAGS = $(program_ldflags)
plugins_check_backup_freshness_LDADD = plugins/libbackups.la common/libcommon.la

# What every source of it is linked with; the executable has it already.
backups_shared = \
	plugins/backups/compare.c plugins/backups/facts.c plugins/backups/name_format.c plugins/backups/names.c \
	plugins/backups/store.c plugins/backups/wal.c plugins/backups/wanted.c plugins/backups/wanted.h \
	common/duration.c common/moment.c common/moment.h common/number.c common/size.c
# Velero's objects, in its cluster or in its bucket.
backups_velero = \
	common/client/kubernetes_list.c common/client/kubernetes_list.h \
	plugins/backups/cron.c plugins/backups/cron.h \
	plugins/backups/velero_facts.c \
	plugins/backups/velero_read.c plugins/backups/velero_read.h
# What reads stores: files by their content, repositories by their catalogue.
backups_readers = \
	plugins/backups/barman.c \
	plugins/backups/barman_info.c plugins/backups/barman_info.h \
	plugins/backups/digest.c plugins/backups/digest.h \
	plugins/backups/elasticsearch_repository.c \
	$(backups_formats) \
	plugins/backups/files.c plugins/backups/files.h \
	plugins/backups/files_list.c \
	plugins/backups/files_points.c \
	plugins/backups/files_pool.c plugins/backups/files_pool.h \
	plugins/backups/packed.c \
	plugins/backups/pgbackrest.c \
	plugins/backups/pgbackrest_info.c plugins/backups/pgbackrest_info.h \
	plugins/backups/proof.c plugins/backups/proof.h plugins/backups/proof_parts.h \
	plugins/backups/proof_directory.c \
	plugins/backups/proof_packed.c plugins/backups/proof_packed.h \
	plugins/backups/proof_unpack.c plugins/backups/proof_unpack.h \
	plugins/backups/restic.c \
	plugins/backups/scan.c plugins/backups/scan.h \
	plugins/backups/store_disk.c plugins/backups/store_disk.h \
	plugins/backups/store_disk_list.c \
	plugins/backups/snapshots.c plugins/backups/snapshots.h \
	plugins/backups/velero_bucket.c \
	$(backups_velero) \
	plugins/backups/wal_archive.c \
	plugins/backups/wal_base.c plugins/backups/wal_base.h \
	plugins/backups/walg.c \
	plugins/backups/walg_sentinel.c plugins/backups/walg_sentinel.h
backups_formats = \
	plugins/backups/formats.c plugins/backups/formats.h \
	plugins/backups/formats_archive.c \
	plugins/backups/formats_database.c \
	plugins/backups/formats_mongo.c \
	plugins/backups/formats_pg.c \
	plugins/backups/formats_secret.c \
	plugins/backups/formats_text.c \
	plugins/backups/walk.c plugins/backups/walk.h
# The libraries that unpack, for the runs that meet something packed.
backups_unpack = plugins/backups/unpack.c plugins/backups/unpack.h
if HAVE_BZIP2
backups_unpack += plugins/backups/unpack_bzip2.c
endif
if HAVE_LZ4
backups_unpack += plugins/backups/unpack_lz4.c
endif
if HAVE_LZMA
backups_unpack += plugins/backups/unpack_xz.c
endif
if HAVE_ZLIB
backups_unpack += plugins/backups/unpack_gzip.c
endif
if HAVE_ZSTD
backups_unpack += plugins/backups/unpack_zstd.c
endif
unpack_cflags = $(ZLIB_CFLAGS) $(ZSTD_CFLAGS) $(LZMA_CFLAGS) $(LZ4_CFLAGS)
unpack_libs = $(ZLIB_LIBS) $(ZSTD_LIBS) $(LZMA_LIBS) $(BZIP2_LIBS) $(LZ4_LIBS)
if MODULES
# The executable has these already where the sources are linked into it.
backups_readers += common/module.c
pkglib_LTLIBRARIES += plugins/backups-unpack.la
plugins_backups_unpack_la_SOURCES = $(backups_unpack)
plugins_backups_unpack_la_CFLAGS = $(AM_CFLAGS) $(unpack_cflags)
plugins_backups_unpack_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared \
	-export-symbols-regex '^bak_unpack_engine$$'
plugins_backups_unpack_la_LIBADD = $(unpack_libs)
else
plugins_check_backup_freshness_SOURCES += $(backups_readers) $(backups_unpack)
plugins_check_backup_freshness_CFLAGS += $(unpack_cflags)
plugins_check_backup_freshness_LDADD += $(unpack_libs)
endif

if MODULES
pkglib_LTLIBRARIES += plugins/backups-file.la
plugins_backups_file_la_SOURCES = plugins/backups/file.c $(backups_readers) $(backups_shared)
plugins_backups_file_la_CFLAGS = $(AM_CFLAGS)
plugins_backups_file_la_LDFLAGS = $(module_ldflags)
plugins_backups_file_la_LIBADD = common/client/libjson.la common/libsource.la
else
plugins_check_backup_freshness_SOURCES += plugins/backups/file.c
endif

backups_document = \
	plugins/backups/document.c \
	plugins/backups/document_parts.c plugins/backups/document_parts.h \
	plugins/backups/document_pgbackrest.c \
	plugins/backups/document_read.c plugins/backups/document_read.h
if MODULES
pkglib_LTLIBRARIES += plugins/backups-document.la
plugins_backups_document_la_SOURCES = $(backups_document) $(backups_shared)
plugins_backups_document_la_CFLAGS = $(AM_CFLAGS)
plugins_backups_document_la_LDFLAGS = $(module_ldflags)
plugins_backups_document_la_LIBADD = common/client/libjson.la common/libsource.la
else
plugins_check_backup_freshness_SOURCES += $(backups_document)
endif

if HAVE_LIBPQ
if MODULES
pkglib_LTLIBRARIES += plugins/backups-archiver.la
plugins_backups_archiver_la_SOURCES = \
	plugins/backups/archiver.c plugins/backups/archiver_read.c plugins/backups/archiver_read.h \
	common/client/pg.c common/client/pg.h common/client/pg_row.c common/client/pg_row.h \
	$(backups_shared)
plugins_backups_archiver_la_CFLAGS = $(AM_CFLAGS) $(LIBPQ_CFLAGS)
plugins_backups_archiver_la_LDFLAGS = $(module_ldflags)
plugins_backups_archiver_la_LIBADD = common/libsource.la $(LIBPQ_LIBS)
else
plugins_check_backup_freshness_SOURCES += plugins/backups/archiver.c plugins/backups/archiver_read.c \
	common/client/pg.c common/client/pg_row.c
plugins_check_backup_freshness_CFLAGS += $(LIBPQ_CFLAGS)
plugins_check_backup_freshness_LDADD += $(LIBPQ_LIBS)
endif
endif

# Requests that are signed, and replies in XML.
if HAVE_AZURE
noinst_LTLIBRARIES += common/client/libaws.la
common_client_libaws_la_SOURCES = \
	common/client/aws.c common/client/aws.h \
	common/client/aws_credentials.c \
	common/client/xml.c common/client/xml.h
common_client_libaws_la_CFLAGS = $(AM_CFLAGS) $(azure_cflags)
backups_cflags = $(AM_CFLAGS) $(azure_cflags)
backups_libs = common/client/libaws.la $(azure_libs)
backups_aws = \
	plugins/backups/aws.c \
	plugins/backups/aws_ebs.c \
	plugins/backups/aws_parts.h \
	plugins/backups/aws_rds.c \
	plugins/backups/aws_read.c plugins/backups/aws_read.h
backups_gcp = \
	plugins/backups/gcp.c plugins/backups/gcp_read.c plugins/backups/gcp_read.h \
	plugins/backups/gcp_token.c plugins/backups/gcp_token.h
backups_azuresql = plugins/backups/azure_sql.c plugins/backups/azure_sql_read.c plugins/backups/azure_sql_read.h
backups_objects = \
	common/client/azure_sas_fits.c \
	plugins/backups/objects.c \
	plugins/backups/store_azure.c plugins/backups/store_azure.h \
	plugins/backups/store_azure_blob.c \
	plugins/backups/store_azure_files.c \
	plugins/backups/store_s3.c plugins/backups/store_s3.h \
	plugins/backups/store_s3_list.c \
	plugins/backups/store_s3_open.c
if MODULES
pkglib_LTLIBRARIES += plugins/backups-objects.la
plugins_backups_objects_la_SOURCES = $(backups_objects) $(backups_readers) $(backups_shared)
plugins_backups_objects_la_CFLAGS = $(backups_cflags)
plugins_backups_objects_la_LDFLAGS = $(module_ldflags)
plugins_backups_objects_la_LIBADD = $(backups_libs) common/client/libjson.la common/libsource.la

pkglib_LTLIBRARIES += plugins/backups-aws.la
plugins_backups_aws_la_SOURCES = $(backups_aws) $(backups_shared)
plugins_backups_aws_la_CFLAGS = $(backups_cflags)
plugins_backups_aws_la_LDFLAGS = $(module_ldflags)
plugins_backups_aws_la_LIBADD = $(backups_libs) common/client/libjson.la common/libsource.la

pkglib_LTLIBRARIES += plugins/backups-gcp.la
plugins_backups_gcp_la_SOURCES = $(backups_gcp) common/file.c $(backups_shared)
plugins_backups_gcp_la_CFLAGS = $(backups_cflags)
plugins_backups_gcp_la_LDFLAGS = $(module_ldflags)
plugins_backups_gcp_la_LIBADD = $(http_libs) $(LIBCRYPTO_LIBS) common/client/libjson.la common/libsource.la

pkglib_LTLIBRARIES += plugins/backups-azuresql.la
plugins_backups_azuresql_la_SOURCES = $(backups_azuresql) $(backups_shared)
plugins_backups_azuresql_la_CFLAGS = $(backups_cflags)
plugins_backups_azuresql_la_LDFLAGS = $(module_ldflags)
plugins_backups_azuresql_la_LIBADD = $(backups_libs) common/client/libjson.la common/libsource.la
else
plugins_check_backup_freshness_SOURCES += $(backups_aws) $(backups_azuresql) $(backups_gcp) \
	$(backups_objects)
plugins_check_backup_freshness_CFLAGS += $(azure_cflags)
plugins_check_backup_freshness_LDADD += $(backups_libs)
endif
endif

backups_kubernetes = \
	$(kubernetes_client) common/client/web_access.c common/client/web_access.h \
	plugins/backups/kubernetes.c \
	plugins/backups/snapshot_read.c plugins/backups/snapshot_read.h
backups_digitalocean = \
	common/client/web_access.c common/client/web_access.h plugins/backups/digitalocean.c \
	plugins/backups/digitalocean_read.c plugins/backups/digitalocean_read.h
backups_elasticsearch = \
	plugins/backups/elasticsearch.c common/client/web_access.c common/client/web_access.h
if HAVE_LIBCURL
if MODULES
pkglib_LTLIBRARIES += plugins/backups-digitalocean.la
plugins_backups_digitalocean_la_SOURCES = $(backups_digitalocean) $(backups_shared)
plugins_backups_digitalocean_la_CFLAGS = $(AM_CFLAGS)
plugins_backups_digitalocean_la_LDFLAGS = $(module_ldflags)
plugins_backups_digitalocean_la_LIBADD = common/client/libjson.la $(http_libs) common/libsource.la

pkglib_LTLIBRARIES += plugins/backups-kubernetes.la
plugins_backups_kubernetes_la_SOURCES = $(backups_kubernetes) $(backups_velero) $(backups_shared)
plugins_backups_kubernetes_la_CFLAGS = $(AM_CFLAGS) $(YAML_CFLAGS)
plugins_backups_kubernetes_la_LDFLAGS = $(module_ldflags)
plugins_backups_kubernetes_la_LIBADD = common/client/libjson.la $(http_libs) $(YAML_LIBS) common/libsource.la

pkglib_LTLIBRARIES += plugins/backups-elasticsearch.la
plugins_backups_elasticsearch_la_SOURCES = $(backups_elasticsearch) $(backups_shared) \
	plugins/backups/cron.c plugins/backups/cron.h plugins/backups/snapshots.c plugins/backups/snapshots.h
plugins_backups_elasticsearch_la_CFLAGS = $(AM_CFLAGS)
plugins_backups_elasticsearch_la_LDFLAGS = $(module_ldflags)
plugins_backups_elasticsearch_la_LIBADD = common/client/libjson.la $(http_libs) common/libsource.la
else
plugins_check_backup_freshness_SOURCES += plugins/backups/digitalocean.c \
	plugins/backups/digitalocean_read.c plugins/backups/digitalocean_read.h $(backups_kubernetes) \
	plugins/backups/elasticsearch.c
plugins_check_backup_freshness_CFLAGS += $(YAML_CFLAGS)
plugins_check_backup_freshness_LDADD += $(http_libs) $(YAML_LIBS)
endif
endif
