/* SPDX-License-Identifier: Apache-2.0 */

/* The shared files, the profile, the region and the endpoint: nothing here makes a request, but for the region of an
 * EC2 instance. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/config_files.h"
#include "auth/environment.h"
#include "cli/doctor_steps.h"
#include "cli/process.h"
#include "cli/source.h"

/* The files as they are read on their own, so that they can be shown where the session fails because of one. */
struct files {
    struct environment *environment;
    struct config_files *files;
    struct config *config; /* NULL: could not be read, and `error` tells why */
    struct error error;
    const char *profile, *profile_origin; /* as environment_profile() */
    bool profile_found;
};

static void files_clear(struct files *files)
{
    config_free(files->config);
    config_files_free(files->files);
    environment_free(files->environment);
}

static int files_read(struct files *files, const struct options *options)
{
    if (environment_new(environ, &files->environment) < 0 || config_files_new(files->environment, &files->files) < 0)
        return -ENOMEM;
    (void)config_files_load(files->files, &files->config, &files->error);
    files->profile = environment_profile(files->environment, options->profile, &files->profile_origin);
    files->profile_found = files->config && config_profile(files->config, files->profile);
    return 0;
}

static bool names_file(const struct files *files, enum config_file which)
{
    const char *path = config_files_path(files->files, which);
    return path && strstr(files->error.message, path);
}

/* Whether it is why the files cannot be used. Where a long path is cut off in the error, either may be. */
static bool is_wrong(const struct files *files, enum config_file which)
{
    return !files->config && (names_file(files, which) ||
                              (!names_file(files, CONFIG_FILE_CONFIG) && !names_file(files, CONFIG_FILE_CREDENTIALS)));
}

static void report_file(struct doctor *doctor, const struct files *files, enum config_file which, const char *usual)
{
    const char *path = config_files_path(files->files, which);
    if (!path)
        report_say(doctor->report, STEP_NOTE, "config-file", usual, "not looked for: HOME is not set");
    else if (access(path, F_OK) < 0 && errno == ENOENT)
        report_say(doctor->report, STEP_OK, "config-file", path, "does not exist, which is no mistake");
    else if (is_wrong(files, which))
        doctor_report_error(doctor, STEP_FAILED, "config-file", path, &files->error, "correct the file", NULL);
    else
        report_say(doctor->report, STEP_OK, "config-file", path, "read");
}

/* `needed`: the session could not be opened without it. */
static void report_profile(struct doctor *doctor, const struct files *files, bool needed)
{
    const char *origin = files->profile_origin ? files->profile_origin : "nothing else is selected";
    if (!files->config)
        report_say(doctor->report, STEP_SKIPPED, "profile", files->profile, "not looked for: a file cannot be read");
    else if (files->profile_found)
        report_say(doctor->report, STEP_OK, "profile", files->profile, "found (selected because of %s)", origin);
    else if (!files->profile_origin || !needed)
        report_say(doctor->report, STEP_NOTE, "profile", files->profile,
                   "in neither file; it is needed only where credentials or region come from it");
    else
        report_add(doctor->report, &(struct step){
                                       .name = "profile",
                                       .subject = files->profile,
                                       .result = STEP_FAILED,
                                       .detail = files->profile_origin,
                                       .cause = "there is no such profile in the shared files",
                                       .remedy = "correct the name, or add the profile with: aws configure --profile",
                                   });
}

static void report_endpoint(struct doctor *doctor)
{
    _cleanup_free_ char *url = NULL;
    struct error error;
    if (aws_session_endpoint(doctor->session, "secretsmanager", aws_session_region(doctor->session), &url, &error) < 0)
        doctor_report_error(doctor, STEP_FAILED, "endpoint", NULL, &error, NULL, NULL);
    else
        report_say(doctor->report, STEP_OK, "endpoint", NULL, "%s (from %s)", url,
                   aws_session_endpoint_origin(doctor->session, "secretsmanager"));
}

static void report_unusable(struct doctor *doctor, const struct error *error)
{
    if (strstr(error->message, "AWS region"))
        doctor_report_error(doctor, STEP_FAILED, "region", NULL, error,
                            "name the region where the secrets are, such as eu-west-1: --region, AWS_REGION, or region "
                            "in the profile",
                            NULL);
    else
        doctor_report_error(doctor, STEP_FAILED, "settings", NULL, error, "correct it, or take it away", NULL);
}

static void report_session(struct doctor *doctor, const struct files *files, const struct error *error)
{
    bool told = !files->config || (files->profile_origin && !files->profile_found);
    if (!doctor->session) {
        doctor_block(doctor, "the configuration is unusable");
        if (told && strstr(error->message, files->config ? "profile" : files->error.message))
            report_say(doctor->report, STEP_SKIPPED, "region", NULL, "not looked for: see above");
        else
            report_unusable(doctor, error);
        report_say(doctor->report, STEP_SKIPPED, "endpoint", NULL, "not looked for: %s", doctor->blocked);
        return;
    }
    report_say(doctor->report, STEP_OK, "region", NULL, "%s (from %s)", aws_session_region(doctor->session),
               aws_session_region_origin(doctor->session));
    report_endpoint(doctor);
}

/* What the options say of the source; a session is no use without it. */
static int open_source(struct doctor *doctor, struct error *ret_error)
{
    struct aws_session *session = NULL;
    int r = source_open_session(doctor->options, &session, ret_error);
    if (r < 0)
        return r;
    r = source_open_with(session, doctor->options, &doctor->source, ret_error);
    if (r == 0)
        doctor->session = session;
    return r;
}

void doctor_check_configuration(struct doctor *doctor)
{
    _cleanup_(files_clear) struct files files = {.config = NULL};
    struct error error = {.kind = ERROR_NONE};
    if (files_read(&files, doctor->options) < 0) {
        report_say(doctor->report, STEP_FAILED, "config-file", NULL, "out of memory");
        doctor_block(doctor, "out of memory");
        return;
    }
    (void)open_source(doctor, &error);
    process_scrub_environment();
    report_file(doctor, &files, CONFIG_FILE_CONFIG, "~/.aws/config");
    report_file(doctor, &files, CONFIG_FILE_CREDENTIALS, "~/.aws/credentials");
    report_profile(doctor, &files, !doctor->session);
    report_session(doctor, &files, &error);
}
