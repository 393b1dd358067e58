# SPDX-License-Identifier: GPL-3.0-or-later
# Fuzzing with libFuzzer: configure --enable-fuzzers CC=clang, then make fuzz-short or make fuzz.
# What is found new goes to tests/fuzz/found in the build folder; the seeds are only read.

fuzz_programs = celery_fleet range duration size uri extra_opts mssql rabbitmq haproxy kubernetes jobs consumers \
	dns dns_answer dns_name dns_site backup_names backups_document
fuzz_programs += backups_gcp snapshots velero
if HAVE_HIREDIS
fuzz_programs += redis redis_cluster redis_sentinel celery
endif
if HAVE_AZURE
fuzz_programs += azure azure_queue backups_aws backups_azure xml
endif
if HAVE_MONGOC
fuzz_programs += mongodb
endif
if HAVE_JANSSON
fuzz_programs += json condition
fuzz_programs += elasticsearch service
endif
if HAVE_LDNS
fuzz_programs += dns_oracle dns_validate
endif
if HAVE_ZLIB
if HAVE_ZSTD
if HAVE_LZMA
if HAVE_BZIP2
if HAVE_LZ4
fuzz_programs += backups_formats packed
endif
endif
endif
endif
endif
fuzz_dir = tests/fuzz

EXTRA_DIST += tests/fuzz/corpus

if FUZZERS
fuzz_flags = -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all \
	-U_FORTIFY_SOURCE
noinst_LTLIBRARIES += tests/fuzz/libfuzzed.la
# What is fuzzed, built once more so that the fuzzer sees its branches.
tests_fuzz_libfuzzed_la_SOURCES = \
	common/buffer.c common/duration.c common/error.c common/extra_opts.c common/number.c \
	common/options.c common/range.c common/secret.c common/size.c common/state.c \
	common/target.c common/uri.c \
	common/client/json_read.c common/client/json_stream.c common/client/kombu.c common/moment.c \
	plugins/liveness/celery_fleet.c plugins/liveness/celery_report.c \
	plugins/liveness/condition.c plugins/liveness/condition_test.c \
	plugins/replication/facts.c plugins/replication/mssql_read.c \
	common/client/kubernetes_list.c plugins/liveness/kubernetes_read.c plugins/liveness/kubernetes_units.c \
	plugins/liveness/openfaas_read.c \
	plugins/backups/cron.c plugins/backups/digitalocean_read.c plugins/backups/gcp_read.c plugins/backups/snapshot_read.c plugins/backups/snapshots.c \
	plugins/backups/velero_facts.c plugins/backups/velero_read.c plugins/backups/wanted.c \
	plugins/queues/facts.c plugins/queues/rabbitmq_policies.c plugins/queues/rabbitmq_queues.c \
	plugins/queues/rabbitmq_read.c common/client/rabbitmq_value.c plugins/queues/roster.c \
	plugins/liveness/facts.c plugins/liveness/haproxy_read.c plugins/liveness/haproxy_units.c \
	common/moment.c plugins/liveness/consumers_read.c plugins/liveness/jobs_read.c \
	plugins/dns/address.c plugins/dns/answer.c plugins/dns/facts.c plugins/dns/message.c plugins/dns/name.c \
	plugins/dns/site.c \
	plugins/backups/barman_info.c plugins/backups/document_parts.c \
	plugins/backups/document_pgbackrest.c plugins/backups/document_read.c plugins/backups/facts.c \
	plugins/backups/name_format.c plugins/backups/names.c plugins/backups/pgbackrest_info.c \
	plugins/backups/wal.c plugins/backups/walg_sentinel.c
if HAVE_LDNS
tests_fuzz_libfuzzed_la_SOURCES += plugins/dns/denial.c \
	plugins/dns/validate.c plugins/dns/validate_keys.c plugins/dns/validate_set.c
endif
if HAVE_HIREDIS
tests_fuzz_libfuzzed_la_SOURCES += \
	plugins/replication/redis_cluster.c common/client/redis_info.c \
	plugins/replication/redis_read.c plugins/replication/redis_sentinel.c \
	plugins/queues/celery_read.c
endif
if HAVE_AZURE
tests_fuzz_libfuzzed_la_SOURCES += common/client/azure.c common/client/azure_error.c \
	common/client/azure_read.c common/client/azure_sas.c common/client/azure_sas_fits.c common/client/http.c common/client/xml.c \
	plugins/backups/aws_ebs.c plugins/backups/aws_rds.c plugins/backups/aws_read.c \
	plugins/backups/azure_sql_read.c plugins/backups/store_azure.c plugins/backups/wanted.c \
	plugins/replication/azure_read.c plugins/queues/azure_read.c
endif
if HAVE_MONGOC
tests_fuzz_libfuzzed_la_SOURCES += plugins/replication/mongodb_read.c
endif
if HAVE_JANSSON
tests_fuzz_libfuzzed_la_SOURCES += plugins/liveness/elasticsearch_read.c plugins/liveness/json.c \
	plugins/liveness/service_read.c
endif
tests_fuzz_libfuzzed_la_CFLAGS = $(AM_CFLAGS) $(LDNS_CFLAGS) $(HIREDIS_CFLAGS) $(JANSSON_CFLAGS) $(azure_cflags) $(MONGOC_CFLAGS) \
	$(fuzz_flags) -fsanitize=fuzzer-no-link

fuzz_cflags = $(AM_CFLAGS) $(fuzz_flags) -fsanitize=fuzzer
fuzz_ldflags = $(AM_LDFLAGS) -fsanitize=fuzzer,address,undefined
fuzz_binaries = tests/fuzz/fuzz_backup_catalogue tests/fuzz/fuzz_celery_fleet tests/fuzz/fuzz_range tests/fuzz/fuzz_duration tests/fuzz/fuzz_size \
	tests/fuzz/fuzz_uri tests/fuzz/fuzz_extra_opts tests/fuzz/fuzz_mssql tests/fuzz/fuzz_rabbitmq \
	tests/fuzz/fuzz_haproxy tests/fuzz/fuzz_kubernetes \
	tests/fuzz/fuzz_jobs tests/fuzz/fuzz_consumers tests/fuzz/fuzz_dns tests/fuzz/fuzz_dns_answer \
	tests/fuzz/fuzz_dns_name tests/fuzz/fuzz_dns_site tests/fuzz/fuzz_backup_names \
	tests/fuzz/fuzz_backups_document
fuzz_binaries += tests/fuzz/fuzz_backups_gcp tests/fuzz/fuzz_snapshots tests/fuzz/fuzz_velero
if HAVE_HIREDIS
fuzz_binaries += tests/fuzz/fuzz_redis tests/fuzz/fuzz_redis_cluster \
	tests/fuzz/fuzz_redis_sentinel tests/fuzz/fuzz_celery
endif
if HAVE_AZURE
fuzz_binaries += tests/fuzz/fuzz_azure tests/fuzz/fuzz_azure_queue tests/fuzz/fuzz_backups_aws \
	tests/fuzz/fuzz_backups_azure tests/fuzz/fuzz_xml
endif
if HAVE_MONGOC
fuzz_binaries += tests/fuzz/fuzz_mongodb
endif
if HAVE_JANSSON
fuzz_binaries += tests/fuzz/fuzz_json tests/fuzz/fuzz_condition
fuzz_binaries += tests/fuzz/fuzz_elasticsearch tests/fuzz/fuzz_service
endif
if HAVE_ZLIB
if HAVE_ZSTD
if HAVE_LZMA
if HAVE_BZIP2
if HAVE_LZ4
fuzz_binaries += tests/fuzz/fuzz_backups_formats tests/fuzz/fuzz_packed
endif
endif
endif
endif
endif
if HAVE_LDNS
fuzz_binaries += tests/fuzz/fuzz_dns_oracle tests/fuzz/fuzz_dns_validate
endif
EXTRA_PROGRAMS += $(fuzz_binaries)
CLEANFILES += $(fuzz_binaries)
tests_fuzz_fuzz_backups_document_SOURCES = tests/fuzz/fuzz_backups_document.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_backups_document_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_backups_document_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_backups_document_LDADD = tests/fuzz/libfuzzed.la
tests_fuzz_fuzz_range_SOURCES = tests/fuzz/fuzz_range.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_range_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_range_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_range_LDADD = tests/fuzz/libfuzzed.la
tests_fuzz_fuzz_duration_SOURCES = tests/fuzz/fuzz_duration.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_duration_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_duration_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_duration_LDADD = tests/fuzz/libfuzzed.la
tests_fuzz_fuzz_size_SOURCES = tests/fuzz/fuzz_size.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_size_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_size_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_size_LDADD = tests/fuzz/libfuzzed.la
tests_fuzz_fuzz_uri_SOURCES = tests/fuzz/fuzz_uri.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_uri_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_uri_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_uri_LDADD = tests/fuzz/libfuzzed.la
tests_fuzz_fuzz_extra_opts_SOURCES = tests/fuzz/fuzz_extra_opts.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_extra_opts_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_extra_opts_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_extra_opts_LDADD = tests/fuzz/libfuzzed.la
# What turns foreign bytes into a node.
fuzz_node = tests/fuzz/node.c tests/fuzz/node.h tests/fuzz/fuzz.h
tests_fuzz_fuzz_mssql_SOURCES = tests/fuzz/fuzz_mssql.c $(fuzz_node)
tests_fuzz_fuzz_mssql_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_mssql_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_mssql_LDADD = tests/fuzz/libfuzzed.la
tests_fuzz_fuzz_redis_SOURCES = tests/fuzz/fuzz_redis.c $(fuzz_node)
tests_fuzz_fuzz_redis_CFLAGS = $(fuzz_cflags) $(HIREDIS_CFLAGS)
tests_fuzz_fuzz_redis_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_redis_LDADD = tests/fuzz/libfuzzed.la
tests_fuzz_fuzz_redis_cluster_SOURCES = tests/fuzz/fuzz_redis_cluster.c $(fuzz_node)
tests_fuzz_fuzz_redis_cluster_CFLAGS = $(fuzz_cflags) $(HIREDIS_CFLAGS)
tests_fuzz_fuzz_redis_cluster_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_redis_cluster_LDADD = tests/fuzz/libfuzzed.la
tests_fuzz_fuzz_redis_sentinel_SOURCES = tests/fuzz/fuzz_redis_sentinel.c $(fuzz_node)
tests_fuzz_fuzz_redis_sentinel_CFLAGS = $(fuzz_cflags) $(HIREDIS_CFLAGS)
tests_fuzz_fuzz_redis_sentinel_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_redis_sentinel_LDADD = tests/fuzz/libfuzzed.la $(HIREDIS_LIBS)
tests_fuzz_fuzz_backup_catalogue_SOURCES = tests/fuzz/fuzz_backup_catalogue.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_backup_catalogue_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_backup_catalogue_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_backup_catalogue_LDADD = tests/fuzz/libfuzzed.la
tests_fuzz_fuzz_backup_names_SOURCES = tests/fuzz/fuzz_backup_names.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_backup_names_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_backup_names_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_backup_names_LDADD = tests/fuzz/libfuzzed.la
tests_fuzz_fuzz_celery_fleet_SOURCES = tests/fuzz/fuzz_celery_fleet.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_celery_fleet_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_celery_fleet_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_celery_fleet_LDADD = tests/fuzz/libfuzzed.la
tests_fuzz_fuzz_celery_SOURCES = tests/fuzz/fuzz_celery.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_celery_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_celery_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_celery_LDADD = tests/fuzz/libfuzzed.la
tests_fuzz_fuzz_azure_SOURCES = tests/fuzz/fuzz_azure.c $(fuzz_node)
tests_fuzz_fuzz_azure_CFLAGS = $(fuzz_cflags) $(azure_cflags)
tests_fuzz_fuzz_azure_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_azure_LDADD = tests/fuzz/libfuzzed.la common/libcommon.la $(azure_libs)
tests_fuzz_fuzz_backups_aws_SOURCES = tests/fuzz/fuzz_backups_aws.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_backups_aws_CFLAGS = $(fuzz_cflags) $(azure_cflags)
tests_fuzz_fuzz_backups_aws_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_backups_aws_LDADD = tests/fuzz/libfuzzed.la $(EXPAT_LIBS)
tests_fuzz_fuzz_backups_azure_SOURCES = tests/fuzz/fuzz_backups_azure.c $(fuzz_node)
tests_fuzz_fuzz_backups_azure_CFLAGS = $(fuzz_cflags) $(azure_cflags)
tests_fuzz_fuzz_backups_azure_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_backups_azure_LDADD = tests/fuzz/libfuzzed.la common/libcommon.la $(azure_libs)
tests_fuzz_fuzz_xml_SOURCES = tests/fuzz/fuzz_xml.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_xml_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_xml_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_xml_LDADD = tests/fuzz/libfuzzed.la $(EXPAT_LIBS)
tests_fuzz_fuzz_azure_queue_SOURCES = tests/fuzz/fuzz_azure_queue.c $(fuzz_node)
tests_fuzz_fuzz_azure_queue_CFLAGS = $(fuzz_cflags) $(azure_cflags)
tests_fuzz_fuzz_azure_queue_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_azure_queue_LDADD = tests/fuzz/libfuzzed.la common/libcommon.la $(azure_libs)
tests_fuzz_fuzz_mongodb_SOURCES = tests/fuzz/fuzz_mongodb.c $(fuzz_node)
tests_fuzz_fuzz_mongodb_CFLAGS = $(fuzz_cflags) $(MONGOC_CFLAGS)
tests_fuzz_fuzz_mongodb_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_mongodb_LDADD = tests/fuzz/libfuzzed.la $(MONGOC_LIBS)
tests_fuzz_fuzz_rabbitmq_SOURCES = tests/fuzz/fuzz_rabbitmq.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_rabbitmq_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_rabbitmq_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_rabbitmq_LDADD = tests/fuzz/libfuzzed.la
tests_fuzz_fuzz_jobs_SOURCES = tests/fuzz/fuzz_jobs.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_jobs_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_jobs_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_jobs_LDADD = tests/fuzz/libfuzzed.la
tests_fuzz_fuzz_consumers_SOURCES = tests/fuzz/fuzz_consumers.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_consumers_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_consumers_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_consumers_LDADD = tests/fuzz/libfuzzed.la
tests_fuzz_fuzz_dns_SOURCES = tests/fuzz/fuzz_dns.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_dns_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_dns_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_dns_LDADD = tests/fuzz/libfuzzed.la
tests_fuzz_fuzz_dns_answer_SOURCES = tests/fuzz/fuzz_dns_answer.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_dns_answer_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_dns_answer_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_dns_answer_LDADD = tests/fuzz/libfuzzed.la
tests_fuzz_fuzz_dns_oracle_SOURCES = tests/fuzz/fuzz_dns_oracle.c tests/fuzz/fuzz.h \
	tests/unit/dns_oracle.c tests/unit/dns_oracle.h
tests_fuzz_fuzz_dns_oracle_CFLAGS = $(fuzz_cflags) $(LDNS_CFLAGS)
tests_fuzz_fuzz_dns_oracle_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_dns_oracle_LDADD = tests/fuzz/libfuzzed.la $(LDNS_LIBS)
tests_fuzz_fuzz_dns_site_SOURCES = tests/fuzz/fuzz_dns_site.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_dns_site_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_dns_site_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_dns_site_LDADD = tests/fuzz/libfuzzed.la
tests_fuzz_fuzz_backups_formats_SOURCES = tests/fuzz/fuzz_backups_formats.c tests/fuzz/fuzz.h $(backups_formats) \
	plugins/backups/digest.c plugins/backups/proof_packed.c plugins/backups/proof_unpack.c \
	plugins/backups/store.c $(backups_unpack)
tests_fuzz_fuzz_backups_formats_CFLAGS = $(fuzz_cflags) $(unpack_cflags) -DDR_STATIC_SOURCES
tests_fuzz_fuzz_backups_formats_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_backups_formats_LDADD = tests/fuzz/libfuzzed.la common/libcommon.la $(unpack_libs)
tests_fuzz_fuzz_packed_SOURCES = tests/fuzz/fuzz_packed.c tests/fuzz/fuzz.h \
	plugins/backups/proof_packed.c plugins/backups/proof_unpack.c plugins/backups/store.c $(backups_unpack)
tests_fuzz_fuzz_packed_CFLAGS = $(fuzz_cflags) $(unpack_cflags) -DDR_STATIC_SOURCES
tests_fuzz_fuzz_packed_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_packed_LDADD = tests/fuzz/libfuzzed.la common/libcommon.la $(unpack_libs)
tests_fuzz_fuzz_dns_validate_SOURCES = tests/fuzz/fuzz_dns_validate.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_dns_validate_CFLAGS = $(fuzz_cflags) $(LDNS_CFLAGS)
tests_fuzz_fuzz_dns_validate_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_dns_validate_LDADD = tests/fuzz/libfuzzed.la $(LDNS_LIBS)
tests_fuzz_fuzz_dns_name_SOURCES = tests/fuzz/fuzz_dns_name.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_dns_name_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_dns_name_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_dns_name_LDADD = tests/fuzz/libfuzzed.la
tests_fuzz_fuzz_haproxy_SOURCES = tests/fuzz/fuzz_haproxy.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_haproxy_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_haproxy_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_haproxy_LDADD = tests/fuzz/libfuzzed.la
tests_fuzz_fuzz_backups_gcp_SOURCES = tests/fuzz/fuzz_backups_gcp.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_backups_gcp_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_backups_gcp_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_backups_gcp_LDADD = tests/fuzz/libfuzzed.la
tests_fuzz_fuzz_snapshots_SOURCES = tests/fuzz/fuzz_snapshots.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_snapshots_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_snapshots_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_snapshots_LDADD = tests/fuzz/libfuzzed.la
tests_fuzz_fuzz_velero_SOURCES = tests/fuzz/fuzz_velero.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_velero_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_velero_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_velero_LDADD = tests/fuzz/libfuzzed.la
tests_fuzz_fuzz_kubernetes_SOURCES = tests/fuzz/fuzz_kubernetes.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_kubernetes_CFLAGS = $(fuzz_cflags)
tests_fuzz_fuzz_kubernetes_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_kubernetes_LDADD = tests/fuzz/libfuzzed.la
tests_fuzz_fuzz_json_SOURCES = tests/fuzz/fuzz_json.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_json_CFLAGS = $(fuzz_cflags) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_json_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_json_LDADD = tests/fuzz/libfuzzed.la $(JANSSON_LIBS)
tests_fuzz_fuzz_condition_SOURCES = tests/fuzz/fuzz_condition.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_condition_CFLAGS = $(fuzz_cflags) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_condition_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_condition_LDADD = tests/fuzz/libfuzzed.la common/libcommon.la $(JANSSON_LIBS)
tests_fuzz_fuzz_elasticsearch_SOURCES = tests/fuzz/fuzz_elasticsearch.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_elasticsearch_CFLAGS = $(fuzz_cflags) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_elasticsearch_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_elasticsearch_LDADD = tests/fuzz/libfuzzed.la $(JANSSON_LIBS)
tests_fuzz_fuzz_service_SOURCES = tests/fuzz/fuzz_service.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_service_CFLAGS = $(fuzz_cflags) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_service_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_service_LDADD = tests/fuzz/libfuzzed.la $(JANSSON_LIBS)

# Whole replies are longer than what a user writes, and their samples are seeds as well.
fuzz_run = set -e; for name in $(fuzz_programs); do \
		case $$name in redis*|celery*|azure*|backups_azure|backups_gcp|consumers|dns|dns_answer|dns_oracle|dns_validate|elasticsearch|haproxy|jobs|json|kubernetes|mongodb|mssql|packed|rabbitmq|service|snapshots|velero) longest=10000;; \
			*) longest=600;; esac; \
		samples=$(top_srcdir)/tests/samples/$${name%_oracle}; \
		case $$name in redis|celery|azure|azure_queue|consumers|dns|dns_oracle|haproxy|mongodb|rabbitmq) ;; *) samples=;; esac; \
		found=$(fuzz_dir)/found/$$name; mkdir -p $$found; \
		$(fuzz_dir)/fuzz_$$name -max_total_time=$$seconds -max_len=$$longest -timeout=10 -verbosity=0 \
			-print_final_stats=1 -artifact_prefix=$$found- $$found \
			$(top_srcdir)/tests/fuzz/corpus/$$name $$samples >$$found.log 2>&1 || { cat $$found.log; exit 1; }; \
		echo "fuzz_$$name: $$seconds s," \
			`sed '/number_of_executed_units/!d;s/.*: *//' $$found.log` "inputs, nothing found"; \
	done

# Seconds for each program.
fuzz-short: $(fuzz_binaries)
	@seconds=$${FUZZ_SECONDS:-4}; $(fuzz_run)
fuzz: $(fuzz_binaries)
	@seconds=$${FUZZ_SECONDS:-600}; $(fuzz_run)
else
fuzz-short fuzz:
	@echo "fuzzing needs libFuzzer: configure --enable-fuzzers CC=clang" >&2; exit 1
endif
.PHONY: fuzz fuzz-short
