/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The least that a libcurl program can do: one request, read the reply, leave. What
 * check_replication_lag on Azure Storage and check_liveness are measured against.
 * Usage: minimal_libcurl URL HEADER [CA_FILE]. Exit code 0 when the status is 200. */
#include <curl/curl.h>
#include <stdlib.h>

static size_t drop(char *data, size_t size, size_t count, void *context)
{
    (void)data, (void)context;
    return size * count;
}

int main(int argc, char **argv)
{
    long status = 0;
    if (argc != 3 && argc != 4)
        return EXIT_FAILURE;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURL *easy = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, argv[2]);
    curl_easy_setopt(easy, CURLOPT_URL, argv[1]);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
    if (argc == 4)
        curl_easy_setopt(easy, CURLOPT_CAINFO, argv[3]);
    curl_easy_perform(easy);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
    return status == 200 ? EXIT_SUCCESS : EXIT_FAILURE;
}
