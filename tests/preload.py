"""A small library that stands before the system's (LD_PRELOAD): disks that fail, and clocks that jump, for
whole commands and all their libraries. Compiled when it is asked for; skipped where no C compiler is."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static atomic_long steps, looks;

static long number(const char *name) {
  const char *text = getenv(name);
  return text ? atol(text) : 0;
}

/* Whether this step, on a file below DISK, is the one that fails; with READS reading alone counts. */
static int fails(int file, int reads) {
  char link[64], path[4096];
  const char *disk = getenv("DISK");
  struct stat status;
  if (!disk || !!getenv("READS") != reads) return 0;
  if (fstat(file, &status) || !(S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0 || strncmp(path, disk, strlen(disk))) return 0;
  long at = number("FAILS_AT"), now = atomic_fetch_add(&steps, 1) + 1;
  if (!at || (getenv("FOR_EVER") ? now < at : now != at)) return 0;
  errno = EIO;
  return 1;
}

static int fails_by_name(const char *path) {
  const char *disk = getenv("DISK");
  if (!disk || getenv("READS") || strncmp(path, disk, strlen(disk))) return 0;
  long at = number("FAILS_AT"), now = atomic_fetch_add(&steps, 1) + 1;
  if (!at || (getenv("FOR_EVER") ? now < at : now != at)) return 0;
  errno = EIO;
  return 1;
}

#define REAL(name) \
  static __typeof__(&name) real; \
  if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name);
#define OF(name, reads, kinds, ...) \
  name kinds { REAL(name) return fails(f, reads) ? -1 : real(__VA_ARGS__); }

ssize_t OF(write, 0, (int f, const void *b, size_t n), f, b, n)
ssize_t OF(pwrite, 0, (int f, const void *b, size_t n, off_t o), f, b, n, o)
ssize_t OF(pwrite64, 0, (int f, const void *b, size_t n, off64_t o), f, b, n, o)
int OF(fsync, 0, (int f), f)
int OF(fdatasync, 0, (int f), f)
int OF(ftruncate, 0, (int f, off_t n), f, n)
int OF(ftruncate64, 0, (int f, off64_t n), f, n)
ssize_t OF(read, 1, (int f, void *b, size_t n), f, b, n)
ssize_t OF(pread, 1, (int f, void *b, size_t n, off_t o), f, b, n, o)
ssize_t OF(pread64, 1, (int f, void *b, size_t n, off64_t o), f, b, n, o)
int rename(const char *a, const char *b) { REAL(rename) return fails_by_name(b) ? -1 : real(a, b); }
int unlink(const char *a) { REAL(unlink) return fails_by_name(a) ? -1 : real(a); }

/* CLOCK_SHIFT: seconds; from the JUMPS_AT-th look at the clock on, or always. */
static time_t shift(void) {
  long look = atomic_fetch_add(&looks, 1) + 1;
  return look >= number("JUMPS_AT") ? number("CLOCK_SHIFT") : 0;
}

int clock_gettime(clockid_t clock, struct timespec *when) {
  int code = (int)syscall(SYS_clock_gettime, clock, when);
  if (!code && clock == CLOCK_REALTIME) when->tv_sec += shift();
  return code;
}

int gettimeofday(struct timeval *restrict when, void *restrict zone) {
  struct timespec now;
  (void)zone;
  int code = clock_gettime(CLOCK_REALTIME, &now);
  when->tv_sec = now.tv_sec, when->tv_usec = now.tv_nsec / 1000;
  return code;
}

time_t time(time_t *when) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (when) *when = now.tv_sec;
  return now.tv_sec;
}

__attribute__((destructor)) static void tell(void) {
  const char *path = getenv("TELL");
  char text[64];
  if (!path) return;
  unsetenv("DISK");
  FILE *file = fopen(path, "w");
  if (!file) return;
  snprintf(text, sizeof text, "%ld %ld\n", atomic_load(&steps), atomic_load(&looks));
  fputs(text, file);
  fclose(file);
}
"""


def compiled(folder: Path) -> Path:
    """The library; the test is skipped where it cannot be made."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("needs Linux and a C compiler")
    source, library = folder / "preload.c", folder / "preload.so"
    source.write_text(_SOURCE)
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"the C compiler makes no library here: {made.stderr.splitlines()[:1]}")
    return library
