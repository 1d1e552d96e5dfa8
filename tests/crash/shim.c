/* Preloaded before libc: counts every call that changes something below one folder, and lets one of them go wrong.

   Armed from Python through exported functions, so that a forked child of a warm process is armed in microseconds.
   What a call of a given number meets (enum fate) is described in tests/crash/faults.py. Calls that only look (open for
   reading, read, opendir) are counted instead where cfs_looks(1) was called.

   Each armed process counts for itself. Threads are counted together. Programs that it starts are not counted: nothing
   arms them.

       gcc -O2 -shared -fPIC -o shim.so shim.c -ldl */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum fate { NOTHING, KILL_BEFORE, KILL_AFTER, FAIL_ONCE, FAIL_FROM, TEAR, SHORTEN, STOP, FAIL_AFTER, RAISE };
enum { FDS = 65536, NAMED = 1024, NAME = PATH_MAX };

static char root[PATH_MAX];
static size_t root_length;
static long target, count;
static int fate, argument, op_log = -1, looks;
static unsigned char kind_of[FDS];  /* 1: a file below the root, open for writing; 2: a folder there; 3: for reading */
static char name_of[NAMED][NAME];

void cfs_root(const char *path) { snprintf(root, sizeof root, "%s", path); root_length = strlen(root); }
void cfs_arm(long at, int what, int with) { target = at; fate = what; argument = with; count = 0; }
void cfs_looks(int on) { looks = on; }
void cfs_log(int descriptor) { op_log = descriptor; }
long cfs_count(void) { return count; }

static int below(const char *path) {
  return root_length && strncmp(path, root, root_length) == 0 && (path[root_length] == '/' || !path[root_length]);
}

/* A folder that was opened by a system call that we do not stand before (openat2): is it below the root? */
static int found(int folder) {
  char link[64], path[PATH_MAX];
  struct stat seen;
  if (kind_of[folder] || folder >= NAMED || fstat(folder, &seen) || !S_ISDIR(seen.st_mode)) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  if (!below(path)) return 0;
  kind_of[folder] = 2;
  snprintf(name_of[folder], NAME, "%s", path);
  return 1;
}

static int ours(int folder, const char *path) {
  if (!root_length || !path) return 0;
  if (path[0] == '/') return below(path);
  if (folder == AT_FDCWD) { char here[PATH_MAX]; return getcwd(here, sizeof here) && below(here); }
  return folder >= 0 && folder < FDS && (kind_of[folder] == 2 || found(folder));
}

static int ours_fd(int fd) { return root_length && fd >= 0 && fd < FDS ? kind_of[fd] : 0; }
static const char *named(int fd) { return fd >= 0 && fd < NAMED ? name_of[fd] : "?"; }

static const char *whole(int folder, const char *path, char *into) {
  if (path && path[0] != '/' && folder != AT_FDCWD) {
    snprintf(into, PATH_MAX, "%s/%s", named(folder), path);
    return into;
  }
  return path ? path : "";
}

static const char *numbered(long number, char *into) { sprintf(into, "%ld", number); return into; }

/* Where a write begins. */
static long position(int fd) {
  long flags = syscall(SYS_fcntl, fd, F_GETFL);
  struct stat seen;
  return flags & O_APPEND && fstat(fd, &seen) == 0 ? (long)seen.st_size : syscall(SYS_lseek, fd, 0, SEEK_CUR);
}

/* What has succeeded, for the replay of power cuts: number, call, path, second path (of a write: the offset, of a cut:
   the size), length of the data that follows, data */
static void record(const char *call, const char *path, const char *other, const void *data, long length) {
  if (op_log < 0) return;
  char head[2 * PATH_MAX + 128];
  int size = snprintf(head, sizeof head, "%ld\t%s\t%s\t%s\t%ld\n", count, call, path, other ? other : "", length);
  syscall(SYS_write, op_log, head, size);
  if (length > 0) { syscall(SYS_write, op_log, data, length); syscall(SYS_write, op_log, "\n", 1); }
}

static void die(void) { syscall(SYS_kill, getpid(), SIGKILL); for (;;) pause(); }

/* Called before each counted call. Returns 1 where it has to fail now, with errno set. */
static int met(void) {
  count++;
  if (fate == FAIL_FROM ? count < target : count != target) return 0;
  switch (fate) {
    case KILL_BEFORE: die(); return 0;
    case FAIL_ONCE: case FAIL_FROM: errno = argument; return 1;
    case STOP: raise(SIGSTOP); return 0;
    case RAISE: raise(argument); return 0;
    default: return 0;
  }
}

/* Called after each counted call: what it returns to the caller. */
static long done(long result) {
  int code = errno;
  if (count == target && fate == KILL_AFTER) die();
  if (count == target && fate == FAIL_AFTER) { errno = argument; return -1; }
  errno = code;
  return result;
}

static int look_met(void) { return looks && met(); }

static int opened(int folder, const char *path, int flags, mode_t mode) {
  int mine = ours(folder, path), changes = 0, there = 0;
  char buffer[PATH_MAX];
  if (mine) {
    struct stat seen;
    there = fstatat(folder, path, &seen, AT_SYMLINK_NOFOLLOW) == 0;
    changes = (flags & O_CREAT && !there) || (flags & O_TRUNC && there);
    if (looks ? met() : changes && met()) return -1;
  }
  int fd = syscall(SYS_openat, folder, path, flags, mode);
  if (fd >= 0 && changes) record(there ? "truncate" : "create", whole(folder, path, buffer), 0, 0, 0);
  if (fd >= 0 && fd < FDS) {
    struct stat seen;
    int is_folder = mine && fstat(fd, &seen) == 0 && S_ISDIR(seen.st_mode);
    kind_of[fd] = !mine ? 0 : is_folder ? 2 : (flags & O_ACCMODE) != O_RDONLY ? 1 : 3;
    if (mine && fd < NAMED) snprintf(name_of[fd], NAME, "%s", whole(folder, path, buffer));
  }
  if (!mine || (!looks && !changes)) return fd;
  int result = done(fd);
  if (result < 0 && fd >= 0) syscall(SYS_close, fd);
  return result;
}

#define MODE mode_t mode = 0; if (flags & (O_CREAT | O_TMPFILE)) { \
  va_list rest; va_start(rest, flags); mode = va_arg(rest, int); va_end(rest); }
int open(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags | O_LARGEFILE, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE return opened(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE return opened(folder, path, flags | O_LARGEFILE, mode); }
int creat(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

int close(int fd) {
  if (fd >= 0 && fd < FDS) kind_of[fd] = 0;
  return syscall(SYS_close, fd);
}

int dup(int fd) {
  int copy = syscall(SYS_dup, fd);
  if (copy >= 0 && copy < NAMED && fd >= 0 && fd < NAMED) { kind_of[copy] = kind_of[fd]; memcpy(name_of[copy], name_of[fd], NAME); }
  return copy;
}

ssize_t write(int fd, const void *data, size_t size) {
  if (ours_fd(fd) != 1 || looks) return syscall(SYS_write, fd, data, size);
  if (met()) return -1;
  if (fate == TEAR && count == target) { syscall(SYS_write, fd, data, size / 2); die(); }
  if (fate == SHORTEN && count == target && size > 1) size /= 2;
  long at = op_log < 0 ? 0 : position(fd);
  long written = syscall(SYS_write, fd, data, size);
  if (written > 0) record("write", named(fd), numbered(at, (char[24]){0}), data, written);
  return done(written);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
  if (ours_fd(fd) != 1 || looks) return syscall(SYS_pwrite64, fd, data, size, at);
  if (met()) return -1;
  long written = syscall(SYS_pwrite64, fd, data, size, at);
  if (written > 0) record("write", named(fd), numbered(at, (char[24]){0}), data, written);
  return done(written);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return pwrite64(fd, data, size, at); }

ssize_t writev(int fd, const struct iovec *parts, int number) {
  if (ours_fd(fd) != 1 || looks) return syscall(SYS_writev, fd, parts, number);
  if (met()) return -1;
  long written = syscall(SYS_writev, fd, parts, number);
  record("writev", named(fd), 0, 0, 0);
  return done(written);
}

ssize_t read(int fd, void *into, size_t size) {
  if (ours_fd(fd) && look_met()) return -1;
  return syscall(SYS_read, fd, into, size);
}

DIR *opendir(const char *path) {
  static DIR *(*real)(const char *);
  if (!real) real = dlsym(RTLD_NEXT, "opendir");
  if (ours(AT_FDCWD, path) && look_met()) return 0;
  return real(path);
}

#define CHANGE(name, parameters, mine, call, label, path, other) \
  int name parameters { \
    if (!(mine) || looks) return call; \
    if (met()) return -1; \
    long result = call; \
    if (result >= 0) record(label, path, other, 0, 0); \
    return done(result); \
  }
#define HERE(path) whole(AT_FDCWD, path, (char[PATH_MAX]){0})
#define NUMBERED(size) numbered(size, (char[24]){0})
#define AT(folder, path) whole(folder, path, (char[PATH_MAX]){0})
CHANGE(rename, (const char *a, const char *b), ours(AT_FDCWD, a) || ours(AT_FDCWD, b), syscall(SYS_rename, a, b), "rename", HERE(a), HERE(b))
CHANGE(renameat, (int x, const char *a, int y, const char *b), ours(x, a) || ours(y, b), syscall(SYS_renameat, x, a, y, b), "rename", AT(x, a), AT(y, b))
CHANGE(renameat2, (int x, const char *a, int y, const char *b, unsigned how), ours(x, a) || ours(y, b), syscall(SYS_renameat2, x, a, y, b, how), how == 2 ? "exchange" : how == 1 ? "move" : "rename", AT(x, a), AT(y, b))
CHANGE(unlink, (const char *a), ours(AT_FDCWD, a), syscall(SYS_unlink, a), "unlink", HERE(a), 0)
CHANGE(unlinkat, (int x, const char *a, int how), ours(x, a), syscall(SYS_unlinkat, x, a, how), how ? "rmdir" : "unlink", AT(x, a), 0)
CHANGE(rmdir, (const char *a), ours(AT_FDCWD, a), syscall(SYS_rmdir, a), "rmdir", HERE(a), 0)
CHANGE(mkdir, (const char *a, mode_t mode), ours(AT_FDCWD, a), syscall(SYS_mkdir, a, mode), "mkdir", HERE(a), 0)
CHANGE(mkdirat, (int x, const char *a, mode_t mode), ours(x, a), syscall(SYS_mkdirat, x, a, mode), "mkdir", AT(x, a), 0)
CHANGE(link, (const char *a, const char *b), ours(AT_FDCWD, b), syscall(SYS_link, a, b), "link", HERE(a), HERE(b))
CHANGE(linkat, (int x, const char *a, int y, const char *b, int how), ours(y, b), syscall(SYS_linkat, x, a, y, b, how), "link", AT(x, a), AT(y, b))
CHANGE(symlink, (const char *a, const char *b), ours(AT_FDCWD, b), syscall(SYS_symlink, a, b), "symlink", a, HERE(b))
CHANGE(symlinkat, (const char *a, int y, const char *b), ours(y, b), syscall(SYS_symlinkat, a, y, b), "symlink", a, AT(y, b))
CHANGE(mknod, (const char *a, mode_t mode, dev_t device), ours(AT_FDCWD, a), syscall(SYS_mknod, a, mode, device), "mknod", HERE(a), 0)
CHANGE(mknodat, (int x, const char *a, mode_t mode, dev_t device), ours(x, a), syscall(SYS_mknodat, x, a, mode, device), "mknod", AT(x, a), 0)
CHANGE(fsync, (int fd), ours_fd(fd), syscall(SYS_fsync, fd), ours_fd(fd) == 2 ? "sync folder" : "sync", named(fd), 0)
CHANGE(fdatasync, (int fd), ours_fd(fd), syscall(SYS_fdatasync, fd), "sync", named(fd), 0)
CHANGE(ftruncate, (int fd, off_t size), ours_fd(fd) == 1, syscall(SYS_ftruncate, fd, size), "cut", named(fd), NUMBERED(size))
CHANGE(ftruncate64, (int fd, off64_t size), ours_fd(fd) == 1, syscall(SYS_ftruncate, fd, size), "cut", named(fd), NUMBERED(size))
CHANGE(truncate, (const char *a, off_t size), ours(AT_FDCWD, a), syscall(SYS_truncate, a, size), "cut", HERE(a), NUMBERED(size))
CHANGE(truncate64, (const char *a, off64_t size), ours(AT_FDCWD, a), syscall(SYS_truncate, a, size), "cut", HERE(a), NUMBERED(size))
CHANGE(flock, (int fd, int how), ours_fd(fd), syscall(SYS_flock, fd, how), "flock", named(fd), 0)
CHANGE(chmod, (const char *a, mode_t mode), ours(AT_FDCWD, a), syscall(SYS_chmod, a, mode), "chmod", HERE(a), 0)
CHANGE(fchmod, (int fd, mode_t mode), ours_fd(fd), syscall(SYS_fchmod, fd, mode), "chmod", named(fd), 0)
CHANGE(fchmodat, (int x, const char *a, mode_t mode, int how), ours(x, a), syscall(SYS_fchmodat, x, a, mode), "chmod", AT(x, a), 0)
CHANGE(utimensat, (int x, const char *a, const struct timespec times[2], int how), ours(x, a), syscall(SYS_utimensat, x, a, times, how), "utime", AT(x, a), 0)
CHANGE(futimens, (int fd, const struct timespec times[2]), ours_fd(fd), syscall(SYS_utimensat, fd, 0, times, 0), "utime", named(fd), 0)
