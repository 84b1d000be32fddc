/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "fs/state.h"

#define PREFIX "user.secretsfs."

static int put_arn(const struct view *view, struct buffer *text)
{
    return buffer_append_text(text, cache_secret_value(view->secret)->arn);
}

static int put_name(const struct view *view, struct buffer *text)
{
    return buffer_append_text(text, cache_secret_value(view->secret)->name);
}

static int put_version_id(const struct view *view, struct buffer *text)
{
    return buffer_append_text(text, cache_secret_value(view->secret)->version_id);
}

static int put_stages(const struct view *view, struct buffer *text)
{
    const struct value *value = cache_secret_value(view->secret);
    int r = 0;
    for (size_t i = 0; i < value->stage_count && r >= 0; i++)
        r = buffer_printf(text, "%s%s", i > 0 ? "," : "", value->stages[i]);
    return r;
}

/* Of the last good check. */
static int put_fetched(const struct view *view, struct buffer *text)
{
    char date[sizeof("2026-01-02T03:04:05Z")];
    time_t seconds = (time_t)((clock_wall_ns() - cache_secret_age_ns(view->secret)) / NS_PER_SEC);
    struct tm broken_down = {0};
    (void)gmtime_r(&seconds, &broken_down);
    (void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &broken_down);
    return buffer_append_text(text, date);
}

static int put_stale(const struct view *view, struct buffer *text)
{
    return buffer_append_text(text, cache_secret_is_stale(view->secret) ? "1" : "0");
}

static const struct {
    const char *name;
    int (*put)(const struct view *view, struct buffer *text);
} attributes[] = {
    {PREFIX "arn", put_arn},       {PREFIX "name", put_name},       {PREFIX "version_id", put_version_id},
    {PREFIX "stages", put_stages}, {PREFIX "fetched", put_fetched}, {PREFIX "stale", put_stale},
};

/* The view whose secret this inode is of. 0, -ENODATA, or as want(). */
static int view_for(struct request *request, struct view **ret_view)
{
    struct inode *inode = inode_find(request->fs->inodes, request->number);
    if (!inode)
        return -ESTALE;
    while (!inode->view && inode->parent && (inode->kind == INODE_OBJECT || inode->kind == INODE_FILE))
        inode = inode->parent;
    if (inode->kind == INODE_NAMES)
        (void)names_view(request->fs, inode);
    if (!inode->view)
        return -ENODATA;
    *ret_view = inode->view;
    int r = want(request, inode->view);
    return r < 0 || cache_secret_value(inode->view->secret) ? r : -ENODATA;
}

static void reply_text(const struct request *request, const struct buffer *text)
{
    if (request->size_bytes == 0)
        (void)fuse_reply_xattr(request->handle, text->size_bytes);
    else if (text->size_bytes > request->size_bytes)
        (void)fuse_reply_err(request->handle, ERANGE);
    else
        (void)fuse_reply_buf(request->handle, text->bytes, text->size_bytes);
}

int handle_getxattr(struct request *request)
{
    for (size_t i = 0; i < sizeof(attributes) / sizeof(*attributes); i++) {
        if (strcmp(request->name, attributes[i].name) != 0)
            continue;
        struct view *view = NULL;
        _cleanup_buffer_ struct buffer text;
        buffer_init(&text, 65536);
        int r = view_for(request, &view);
        if (r >= 0)
            r = attributes[i].put(view, &text);
        if (r >= 0)
            reply_text(request, &text);
        return r;
    }
    return -ENODATA;
}

int handle_listxattr(struct request *request)
{
    struct view *view = NULL;
    _cleanup_buffer_ struct buffer text;
    buffer_init(&text, 65536);
    int r = view_for(request, &view);
    if (r == -EINPROGRESS)
        return r;
    for (size_t i = 0; r >= 0 && i < sizeof(attributes) / sizeof(*attributes); i++)
        r = buffer_append(&text, attributes[i].name, strlen(attributes[i].name) + 1);
    reply_text(request, &text); /* none where there is no readable secret */
    return 0;
}
