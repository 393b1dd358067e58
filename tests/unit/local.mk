# SPDX-License-Identifier: GPL-3.0-or-later
# One cmocka program for each module of common/ and plugins/: tests/unit/test_<module>.c, listed below.

LDADD = plugins/libreplication.la common/libcommon.la $(CMOCKA_LIBS)
AM_CPPFLAGS += $(CMOCKA_CFLAGS) -DDR_TESTS='"$(abs_top_srcdir)/tests"'

unit_tests =
unit_tests += tests/unit/test_run
unit_tests += tests/unit/test_module
unit_tests += tests/unit/test_survey
unit_tests += tests/unit/test_board
unit_tests += tests/unit/test_synchronous
unit_tests += tests/unit/test_history
unit_tests += tests/unit/test_judge
unit_tests += tests/unit/test_judge_missing
unit_tests += tests/unit/test_judge_products
unit_tests += tests/unit/test_memory
unit_tests += tests/unit/test_state_file
unit_tests += tests/unit/test_report
unit_tests += tests/unit/test_range
unit_tests += tests/unit/test_duration
unit_tests += tests/unit/test_size
unit_tests += tests/unit/test_threshold
unit_tests += tests/unit/test_uri
unit_tests += tests/unit/test_target
unit_tests += tests/unit/test_pattern
unit_tests += tests/unit/test_vectors
unit_tests += tests/unit/test_finding
unit_tests += tests/unit/test_perfdata
unit_tests += tests/unit/test_secret
unit_tests += tests/unit/test_buffer
unit_tests += tests/unit/test_error
unit_tests += tests/unit/test_file
unit_tests += tests/unit/test_state
unit_tests += tests/unit/test_options
unit_tests += tests/unit/test_extra_opts
unit_tests += tests/unit/test_generate
unit_tests += tests/unit/test_loss
tests_unit_test_loss_LDADD = plugins/libqueues.la $(LDADD)
unit_tests += tests/unit/test_queue_history
unit_tests += tests/unit/test_queue_recall
tests_unit_test_queue_history_LDADD = plugins/libqueues.la $(LDADD)
tests_unit_test_queue_recall_LDADD = plugins/libqueues.la $(LDADD)
unit_tests += tests/unit/test_judge_queues
tests_unit_test_judge_queues_LDADD = plugins/libqueues.la $(LDADD)
unit_tests += tests/unit/test_judge_brokers
tests_unit_test_judge_brokers_LDADD = plugins/libqueues.la $(LDADD)
unit_tests += tests/unit/test_liveness_history
tests_unit_test_liveness_history_LDADD = plugins/libliveness.la $(LDADD)
unit_tests += tests/unit/test_judge_liveness
tests_unit_test_judge_liveness_LDADD = plugins/libliveness.la $(LDADD)
unit_tests += tests/unit/test_judge_dns
tests_unit_test_judge_dns_LDADD = plugins/libdns.la $(LDADD)
unit_tests += tests/unit/test_backups_formats
tests_unit_test_backups_formats_SOURCES = tests/unit/test_backups_formats.c $(backups_formats) \
	common/moment.c plugins/backups/digest.c plugins/backups/packed.c plugins/backups/proof.c \
	plugins/backups/proof_directory.c plugins/backups/proof_packed.c plugins/backups/proof_unpack.c
tests_unit_test_backups_formats_LDADD = plugins/libbackups.la $(LDADD)
if !MODULES
tests_unit_test_backups_formats_SOURCES += $(backups_unpack)
tests_unit_test_backups_formats_CFLAGS = $(AM_CFLAGS) $(unpack_cflags)
tests_unit_test_backups_formats_LDADD += $(unpack_libs)
endif
unit_tests += tests/unit/test_judge_backups
tests_unit_test_judge_backups_LDADD = plugins/libbackups.la $(LDADD)
repository_tests = tests/unit/fake_store.h \
	plugins/backups/barman.c plugins/backups/barman_info.c \
	plugins/backups/pgbackrest.c plugins/backups/pgbackrest_info.c \
	plugins/backups/wal_archive.c plugins/backups/wal_base.c \
	plugins/backups/walg.c plugins/backups/walg_sentinel.c common/moment.c
unit_tests += tests/unit/test_backups_barman
tests_unit_test_backups_barman_SOURCES = tests/unit/test_backups_barman.c $(repository_tests)
tests_unit_test_backups_barman_LDADD = plugins/libbackups.la $(LDADD)
unit_tests += tests/unit/test_backups_pgbackrest
tests_unit_test_backups_pgbackrest_SOURCES = tests/unit/test_backups_pgbackrest.c $(repository_tests)
tests_unit_test_backups_pgbackrest_LDADD = plugins/libbackups.la $(LDADD)
unit_tests += tests/unit/test_backups_wal
tests_unit_test_backups_wal_LDADD = plugins/libbackups.la $(LDADD)
unit_tests += tests/unit/test_backups_walg
tests_unit_test_backups_walg_SOURCES = tests/unit/test_backups_walg.c $(repository_tests)
tests_unit_test_backups_walg_LDADD = plugins/libbackups.la $(LDADD)
unit_tests += tests/unit/test_backups_compare
tests_unit_test_backups_compare_LDADD = plugins/libbackups.la $(LDADD)
# With every library that unpacks: fewer would have other tests.
if HAVE_ZLIB
if HAVE_ZSTD
if HAVE_LZMA
if HAVE_BZIP2
if HAVE_LZ4
unit_tests += tests/unit/test_backups_document
tests_unit_test_backups_document_SOURCES = tests/unit/test_backups_document.c \
	plugins/backups/document_parts.c common/moment.c
tests_unit_test_backups_document_LDADD = plugins/libbackups.la $(LDADD)
unit_tests += tests/unit/test_backups_names
tests_unit_test_backups_names_LDADD = plugins/libbackups.la $(LDADD)
unit_tests += tests/unit/test_backups_packed
tests_unit_test_backups_packed_SOURCES = tests/unit/test_backups_packed.c \
	plugins/backups/packed.c plugins/backups/proof_packed.c plugins/backups/proof_unpack.c \
	$(backups_unpack)
tests_unit_test_backups_packed_CPPFLAGS = $(AM_CPPFLAGS) $(unpack_cflags) -DDR_STATIC_SOURCES
tests_unit_test_backups_packed_LDADD = plugins/libbackups.la $(LDADD) $(unpack_libs)
endif
endif
endif
endif
endif
unit_tests += tests/unit/test_roster
tests_unit_test_roster_LDADD = plugins/libqueues.la $(LDADD)
unit_tests += tests/unit/test_queue_board
tests_unit_test_queue_board_LDADD = plugins/libqueues.la $(LDADD)
unit_tests += tests/unit/test_dns_exchange
tests_unit_test_dns_exchange_SOURCES = tests/unit/test_dns_exchange.c \
	plugins/dns/connection.c plugins/dns/connection.h plugins/dns/exchange.c plugins/dns/message.c
tests_unit_test_dns_exchange_LDADD = plugins/libdns.la $(LDADD)
unit_tests += tests/unit/test_json_read
unit_tests += tests/unit/test_json_stream
tests_unit_test_json_read_SOURCES = tests/unit/test_json_read.c \
	common/client/json_read.c common/client/json_read.h
tests_unit_test_json_stream_SOURCES = tests/unit/test_json_stream.c \
	common/client/json_stream.c common/client/json_stream.h
unit_tests += tests/unit/test_mssql_read
tests_unit_test_mssql_read_SOURCES = tests/unit/test_mssql_read.c plugins/replication/mssql_read.c
if HAVE_LIBPQ
unit_tests += tests/unit/test_postgresql_read
unit_tests += tests/unit/test_postgresql_query
unit_tests += tests/unit/test_backups_archiver
tests_unit_test_backups_archiver_SOURCES = tests/unit/test_backups_archiver.c \
	plugins/backups/archiver_read.c common/client/pg_row.c
tests_unit_test_backups_archiver_CPPFLAGS = $(AM_CPPFLAGS) $(LIBPQ_CFLAGS)
tests_unit_test_backups_archiver_LDADD = plugins/libbackups.la $(LDADD) $(LIBPQ_LIBS)
tests_unit_test_postgresql_read_SOURCES = tests/unit/test_postgresql_read.c \
	plugins/replication/postgresql_read.c common/client/pg_row.c
tests_unit_test_postgresql_read_CPPFLAGS = $(AM_CPPFLAGS) $(LIBPQ_CFLAGS)
tests_unit_test_postgresql_read_LDADD = $(LDADD) $(LIBPQ_LIBS)
tests_unit_test_postgresql_query_SOURCES = tests/unit/test_postgresql_query.c \
	plugins/replication/postgresql_query.c
endif
if HAVE_HIREDIS
unit_tests += tests/unit/test_redis_read
tests_unit_test_redis_read_SOURCES = tests/unit/test_redis_read.c \
	plugins/replication/redis_cluster.c common/client/redis_info.c \
	plugins/replication/redis_read.c plugins/replication/redis_sentinel.c
tests_unit_test_redis_read_CPPFLAGS = $(AM_CPPFLAGS) $(HIREDIS_CFLAGS)
tests_unit_test_redis_read_LDADD = $(LDADD) $(HIREDIS_LIBS)
unit_tests += tests/unit/test_moment
tests_unit_test_moment_SOURCES = tests/unit/test_moment.c common/moment.c common/moment.h
unit_tests += tests/unit/test_celery_read
tests_unit_test_celery_read_SOURCES = tests/unit/test_celery_read.c \
	plugins/queues/celery_read.c common/client/redis_info.c
tests_unit_test_celery_read_LDADD = plugins/libqueues.la $(LDADD)
unit_tests += tests/unit/test_kombu
tests_unit_test_kombu_SOURCES = tests/unit/test_kombu.c \
	common/client/kombu.c common/client/json_read.c common/moment.c
endif
unit_tests += tests/unit/test_azure_targets
if HAVE_AZURE
unit_tests += tests/unit/test_xml
tests_unit_test_xml_SOURCES = tests/unit/test_xml.c common/client/xml.c
tests_unit_test_xml_CPPFLAGS = $(AM_CPPFLAGS) $(EXPAT_CFLAGS)
tests_unit_test_xml_LDADD = $(LDADD) $(EXPAT_LIBS)
unit_tests += tests/unit/test_aws
tests_unit_test_aws_SOURCES = tests/unit/test_aws.c common/client/http.c
tests_unit_test_aws_CPPFLAGS = $(AM_CPPFLAGS) $(azure_cflags)
tests_unit_test_aws_LDADD = common/client/libaws.la $(LDADD) $(azure_libs)
unit_tests += tests/unit/test_azure_client
unit_tests += tests/unit/test_azure_read
unit_tests += tests/unit/test_azure_sas
tests_unit_test_azure_sas_SOURCES = tests/unit/test_azure_sas.c common/client/azure_sas_fits.c
tests_unit_test_azure_sas_LDADD = $(azure_libs) $(LDADD)
unit_tests += tests/unit/test_backups_aws
tests_unit_test_backups_aws_SOURCES = tests/unit/test_backups_aws.c plugins/backups/aws_ebs.c \
	plugins/backups/aws_rds.c plugins/backups/aws_read.c plugins/backups/wanted.c common/moment.c
tests_unit_test_backups_aws_CPPFLAGS = $(AM_CPPFLAGS) $(azure_cflags)
tests_unit_test_backups_aws_LDADD = $(backups_libs) plugins/libbackups.la $(LDADD)
unit_tests += tests/unit/test_backups_azure
tests_unit_test_backups_azure_SOURCES = tests/unit/test_backups_azure.c \
	plugins/backups/azure_sql_read.c plugins/backups/store_azure.c common/client/azure_sas_fits.c common/moment.c
tests_unit_test_backups_azure_CPPFLAGS = $(AM_CPPFLAGS) $(azure_cflags)
tests_unit_test_backups_azure_LDADD = $(backups_libs) plugins/libbackups.la $(LDADD)
tests_unit_test_azure_client_SOURCES = tests/unit/test_azure_client.c \
	common/client/azure.c common/client/http.c
tests_unit_test_azure_client_CPPFLAGS = $(AM_CPPFLAGS) $(azure_cflags)
tests_unit_test_azure_client_LDADD = $(azure_libs) $(LDADD)
tests_unit_test_azure_read_SOURCES = tests/unit/test_azure_read.c \
	plugins/replication/azure_read.c common/client/azure_read.c \
	common/client/azure.c common/client/http.c
tests_unit_test_azure_read_CPPFLAGS = $(AM_CPPFLAGS) $(azure_cflags)
tests_unit_test_azure_read_LDADD = $(azure_libs) $(LDADD)
unit_tests += tests/unit/test_queues_azure_read
tests_unit_test_queues_azure_read_SOURCES = tests/unit/test_queues_azure_read.c \
	plugins/queues/azure_read.c common/client/azure_read.c common/client/azure.c common/client/http.c
tests_unit_test_queues_azure_read_CPPFLAGS = $(AM_CPPFLAGS) $(azure_cflags)
tests_unit_test_queues_azure_read_LDADD = plugins/libqueues.la $(azure_libs) $(LDADD)
endif
unit_tests += tests/unit/test_celery_fleet
tests_unit_test_celery_fleet_SOURCES = tests/unit/test_celery_fleet.c \
	plugins/liveness/celery_fleet.c plugins/liveness/celery_report.c
tests_unit_test_celery_fleet_LDADD = plugins/libliveness.la common/client/libkombu.la \
	common/client/libjson.la $(LDADD)
unit_tests += tests/unit/test_rabbitmq_read
tests_unit_test_rabbitmq_read_SOURCES = tests/unit/test_rabbitmq_read.c \
	plugins/queues/rabbitmq_policies.c plugins/queues/rabbitmq_queues.c \
	plugins/queues/rabbitmq_read.c common/client/rabbitmq_value.c
tests_unit_test_rabbitmq_read_LDADD = plugins/libqueues.la common/client/libjson.la $(LDADD)
if HAVE_LIBCURL
unit_tests += tests/unit/test_http
tests_unit_test_http_SOURCES = tests/unit/test_http.c $(http_sources)
tests_unit_test_http_CPPFLAGS = $(AM_CPPFLAGS) $(LIBCURL_CFLAGS) $(OPENSSL_CFLAGS) \
	-DDR_PYTHON3='"$(PYTHON3)"'
tests_unit_test_http_LDADD = $(LDADD) $(LIBCURL_LIBS) $(OPENSSL_LIBS)
endif
unit_tests += tests/unit/test_kubernetes_read
tests_unit_test_kubernetes_read_SOURCES = tests/unit/test_kubernetes_read.c \
	plugins/liveness/kubernetes_read.c plugins/liveness/kubernetes_units.c common/client/kubernetes_list.c
tests_unit_test_kubernetes_read_LDADD = plugins/libliveness.la common/client/libjson.la $(LDADD)
unit_tests += tests/unit/test_backups_cron tests/unit/test_backups_snapshots tests/unit/test_backups_velero_read
tests_unit_test_backups_cron_SOURCES = tests/unit/test_backups_cron.c plugins/backups/cron.c
tests_unit_test_backups_snapshots_SOURCES = tests/unit/test_backups_snapshots.c \
	plugins/backups/cron.c plugins/backups/snapshots.c
tests_unit_test_backups_snapshots_LDADD = plugins/libbackups.la $(LDADD)
tests_unit_test_backups_velero_read_SOURCES = tests/unit/test_backups_velero_read.c \
	common/client/kubernetes_list.c plugins/backups/cron.c plugins/backups/snapshot_read.c \
	plugins/backups/velero_facts.c plugins/backups/velero_read.c
tests_unit_test_backups_velero_read_LDADD = plugins/libbackups.la $(LDADD)
unit_tests += tests/unit/test_openfaas_read
tests_unit_test_openfaas_read_SOURCES = tests/unit/test_openfaas_read.c plugins/liveness/openfaas_read.c
tests_unit_test_openfaas_read_LDADD = common/client/libjson.la $(LDADD)
unit_tests += tests/unit/test_liveness_condition
tests_unit_test_liveness_condition_SOURCES = tests/unit/test_liveness_condition.c \
	plugins/liveness/condition_test.c common/client/http.h
tests_unit_test_liveness_condition_LDADD = plugins/libliveness.la $(LDADD)
unit_tests += tests/unit/test_consumers_read
tests_unit_test_consumers_read_SOURCES = tests/unit/test_consumers_read.c \
	plugins/liveness/consumers_read.c common/client/rabbitmq_value.c
tests_unit_test_consumers_read_LDADD = common/client/libjson.la $(LDADD)
unit_tests += tests/unit/test_jobs_read
tests_unit_test_jobs_read_SOURCES = tests/unit/test_jobs_read.c \
	plugins/liveness/jobs_read.c common/moment.c
tests_unit_test_jobs_read_LDADD = common/client/libjson.la $(LDADD)
unit_tests += tests/unit/test_haproxy_read
tests_unit_test_haproxy_read_SOURCES = tests/unit/test_haproxy_read.c \
	plugins/liveness/haproxy_read.c plugins/liveness/haproxy_units.c
tests_unit_test_haproxy_read_LDADD = plugins/libliveness.la $(LDADD)
if HAVE_JANSSON
unit_tests += tests/unit/test_elasticsearch_read tests/unit/test_service_read
tests_unit_test_elasticsearch_read_SOURCES = tests/unit/test_elasticsearch_read.c \
	plugins/liveness/elasticsearch_read.c plugins/liveness/json.c
tests_unit_test_elasticsearch_read_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_elasticsearch_read_LDADD = plugins/libliveness.la $(LDADD) $(JANSSON_LIBS)
tests_unit_test_service_read_SOURCES = tests/unit/test_service_read.c \
	plugins/liveness/service_read.c plugins/liveness/json.c
tests_unit_test_service_read_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_service_read_LDADD = plugins/libliveness.la $(LDADD) $(JANSSON_LIBS)
endif
unit_tests += tests/unit/test_liveness_access
tests_unit_test_liveness_access_SOURCES = tests/unit/test_liveness_access.c plugins/liveness/access.c \
	common/client/web_access.c
tests_unit_test_liveness_access_LDADD = plugins/libliveness.la $(LDADD)
unit_tests += tests/unit/test_dns_samples
tests_unit_test_dns_samples_SOURCES = tests/unit/test_dns_samples.c \
	plugins/dns/answer.c plugins/dns/message.c plugins/dns/samples.c
tests_unit_test_dns_samples_LDADD = plugins/libdns.la $(LDADD)
unit_tests += tests/unit/test_dns_address tests/unit/test_dns_history tests/unit/test_dns_site
tests_unit_test_dns_address_LDADD = plugins/libdns.la $(LDADD)
tests_unit_test_dns_history_LDADD = plugins/libdns.la $(LDADD)
tests_unit_test_dns_site_LDADD = plugins/libdns.la $(LDADD)
if HAVE_MONGOC
unit_tests += tests/unit/test_mongodb_read
tests_unit_test_mongodb_read_SOURCES = tests/unit/test_mongodb_read.c \
	plugins/replication/mongodb_read.c
tests_unit_test_mongodb_read_CPPFLAGS = $(AM_CPPFLAGS) $(MONGOC_CFLAGS)
tests_unit_test_mongodb_read_LDADD = $(LDADD) $(MONGOC_LIBS)
endif
unit_tests += tests/unit/test_dns_name
tests_unit_test_dns_name_LDADD = plugins/libdns.la $(LDADD)
unit_tests += tests/unit/test_dns_message
tests_unit_test_dns_message_SOURCES = tests/unit/test_dns_message.c tests/unit/dns_samples.h \
	plugins/dns/message.c
tests_unit_test_dns_message_LDADD = plugins/libdns.la $(LDADD)
if HAVE_LDNS
unit_tests += tests/unit/test_dns_oracle
tests_unit_test_dns_oracle_SOURCES = tests/unit/test_dns_oracle.c tests/unit/dns_samples.h \
	tests/unit/dns_oracle.c tests/unit/dns_oracle.h plugins/dns/message.c
tests_unit_test_dns_oracle_CPPFLAGS = $(AM_CPPFLAGS) $(LDNS_CFLAGS)
tests_unit_test_dns_oracle_LDADD = plugins/libdns.la $(LDADD) $(LDNS_LIBS)
endif
unit_tests += tests/unit/test_dns_answer
tests_unit_test_dns_answer_SOURCES = tests/unit/test_dns_answer.c tests/unit/dns_reply.h \
	plugins/dns/answer.c plugins/dns/answer_join.c plugins/dns/message.c
tests_unit_test_dns_answer_LDADD = plugins/libdns.la $(LDADD)
if HAVE_LDNS
unit_tests += tests/unit/test_dns_denial tests/unit/test_dns_validate
tests_unit_test_dns_denial_SOURCES = tests/unit/test_dns_denial.c tests/unit/dns_reply.h \
	plugins/dns/denial.c plugins/dns/message.c
tests_unit_test_dns_denial_CPPFLAGS = $(AM_CPPFLAGS) $(LDNS_CFLAGS)
tests_unit_test_dns_denial_LDADD = plugins/libdns.la $(LDADD) $(LDNS_LIBS)
tests_unit_test_dns_validate_SOURCES = tests/unit/test_dns_validate.c tests/unit/dns_reply.h \
	plugins/dns/denial.c plugins/dns/message.c \
	plugins/dns/validate.c plugins/dns/validate_keys.c plugins/dns/validate_set.c
tests_unit_test_dns_validate_CPPFLAGS = $(AM_CPPFLAGS) $(LDNS_CFLAGS)
tests_unit_test_dns_validate_LDADD = plugins/libdns.la $(LDADD) $(LDNS_LIBS)
endif
if HAVE_CMOCKA
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
endif

# A module to be loaded by its test.
if HAVE_CMOCKA
check_LTLIBRARIES += tests/unit/group-fake.la
tests_unit_group_fake_la_SOURCES = tests/unit/fake_module.c
tests_unit_group_fake_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath $(abs_builddir)
tests_unit_group_fake_la_LIBADD =
EXTRA_tests_unit_test_module_DEPENDENCIES = tests/unit/group-fake.la
endif
tests_unit_test_module_CPPFLAGS = $(AM_CPPFLAGS) -DDR_TEST_MODULES='"$(abs_top_builddir)/tests/unit/.libs"'

tests_unit_test_memory_SOURCES = tests/unit/test_memory.c plugins/liveness/condition_test.c \
	plugins/liveness/haproxy_read.c plugins/liveness/haproxy_units.c
tests_unit_test_memory_LDADD = plugins/libdns.la plugins/libliveness.la plugins/libqueues.la $(LDADD)
# The allocations of the modules go through the test, which lets each of them fail in turn.
tests_unit_test_memory_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc -Wl,--wrap=calloc \
	-Wl,--wrap=realloc -Wl,--wrap=strdup -Wl,--wrap=strndup

EXTRA_DIST += tests/samples/azure/azurite-blob.xml tests/samples/azure/azurite-queue.xml \
	tests/samples/azure/azurite-table.xml
EXTRA_DIST += tests/unit/http_server.py tests/unit/world.h tests/unit/locale.h tests/unit/broker.h tests/unit/scene.h tests/unit/scene_backups.h tests/unit/scene_dns.h \
	tests/samples/report/colour.text tests/samples/report/critical.json \
	tests/samples/report/critical.line tests/samples/report/critical.openmetrics \
	tests/samples/report/critical.text tests/samples/report/empty.json \
	tests/samples/report/empty.openmetrics tests/samples/report/empty.text \
	tests/samples/report/ok.json tests/samples/report/ok.text \
	tests/samples/report/verbose.json tests/samples/report/verbose.text
