// A library for LD_PRELOAD that makes one call of a program fail, from main on.
//
//   OCCAM_FAULT=CALL:N:ERRNO       the N-th call of CALL fails so, N from 1
//   OCCAM_FAULT=CALL:N:ERRNO:on    so do all later ones
//   OCCAM_FAULT_COUNTS=FILE        writes "CALL COUNT" for each call into FILE when the program
//   ends
//
// CALL is a name of kCalls. Of "memory" each way to allocate counts. "shortread" and "shortwrite"
// are read and write that do only one byte. What is written to standard error never fails, nor does
// what some libraries of others take in small pieces: see kFrailLibraries.
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace {

enum Call {
  kRead,
  kShortRead,
  kWrite,
  kShortWrite,
  kPread,
  kPwrite,
  kOpen,
  kOpenFolder,
  kClose,
  kSync,
  kRename,
  kLink,
  kUnlink,
  kStat,
  kSeek,
  kMode,
  kOwner,
  kTimes,
  kLock,
  kTemporary,
  kTruncate,
  kWait,
  kMap,
  kMakeFolder,
  kThread,
  kMemory,
  kCallCount
};
constexpr const char* kCalls[kCallCount] = {
    "read",       "shortread", "write",      "shortwrite", "pread", "pwrite",    "open",
    "openfolder", "close",     "sync",       "rename",     "link",  "unlink",    "stat",
    "seek",       "mode",      "owner",      "times",      "lock",  "temporary", "truncate",
    "wait",       "map",       "makefolder", "thread",     "memory"};

// Plain numbers: what runs before main must not need to be made first.
std::atomic<long> g_counts[kCallCount];
std::atomic<bool> g_running;
int g_call = kCallCount;
long g_number = 0;
int g_errno = EIO;
bool g_on = false;

bool Fails(Call call) {
  if (!g_running.load(std::memory_order_relaxed)) return false;
  const long number = ++g_counts[call];
  if (call != g_call || (g_on ? number < g_number : number != g_number)) return false;
  errno = g_errno;
  return true;
}

// Libraries that crash, or end the process, where they get no memory: libhdf5 1.10 for small pieces
// (H5_init_library, H5CX_pop), libgomp ("libgomp: Out of memory"), libdnnl 2.6
// (dnnl_memory_create), libjxl 0.7. No program can help it, so pieces of fewer bytes than these
// that they take, by way of at most kFrames functions, never fail.
struct FrailLibrary {
  const char* name;
  size_t bytes;
};
constexpr FrailLibrary kFrailLibraries[] = {
    {"/libhdf5", 4096}, {"/libgomp", SIZE_MAX}, {"/libdnnl", SIZE_MAX}, {"/libjxl", SIZE_MAX}};
constexpr int kFrames = 16;

struct Range {
  uintptr_t begin, end;
  size_t bytes;
};
Range g_frail[16];
int g_frail_count = 0;

int NoteFrail(dl_phdr_info* info, size_t, void*) {
  for (const FrailLibrary& library : kFrailLibraries) {
    if (strstr(info->dlpi_name, library.name) == nullptr) continue;
    for (int i = 0; i < info->dlpi_phnum && g_frail_count < 16; ++i) {
      const auto& part = info->dlpi_phdr[i];
      if (part.p_type != PT_LOAD || (part.p_flags & PF_X) == 0) continue;
      const uintptr_t begin = info->dlpi_addr + part.p_vaddr;
      g_frail[g_frail_count++] = {begin, begin + part.p_memsz, library.bytes};
    }
  }
  return 0;
}

bool IsTakenByFrail(size_t size) {
  static thread_local bool looking = false;
  if (looking) return true;
  looking = true;
  void* frames[kFrames];
  const int count = backtrace(frames, kFrames);
  looking = false;
  for (int i = 0; i < count; ++i) {
    const auto from = reinterpret_cast<uintptr_t>(frames[i]);
    for (int k = 0; k < g_frail_count; ++k) {
      if (g_frail[k].begin <= from && from < g_frail[k].end) return size < g_frail[k].bytes;
    }
  }
  return false;
}

bool MemoryFails(size_t size) {
  if (!Fails(kMemory)) return false;
  const bool fails = !IsTakenByFrail(size);
  errno = ENOMEM;
  return fails;
}

void ReadRequest() {
  const char* request = getenv("OCCAM_FAULT");
  if (request == nullptr) return;
  const char* rest = strchr(request, ':');
  for (int call = 0; rest != nullptr && call < kCallCount; ++call) {
    const auto length = static_cast<size_t>(rest - request);
    if (strlen(kCalls[call]) == length && strncmp(kCalls[call], request, length) == 0)
      g_call = call;
  }
  if (rest == nullptr || g_call == kCallCount) {
    static const char text[] = "OCCAM_FAULT names no call\n";
    [[maybe_unused]] const ssize_t written = write(2, text, sizeof(text) - 1);
    _exit(99);
  }
  char* end = nullptr;
  g_number = strtol(rest + 1, &end, 10);
  if (*end == ':') g_errno = static_cast<int>(strtol(end + 1, &end, 10));
  g_on = strcmp(end, ":on") == 0;
}

void WriteCounts() {
  g_running = false;
  const char* path = getenv("OCCAM_FAULT_COUNTS");
  FILE* file = path == nullptr ? nullptr : fopen(path, "w");
  if (file == nullptr) return;
  for (int call = 0; call < kCallCount; ++call)
    fprintf(file, "%s %ld\n", kCalls[call], g_counts[call].load());
  fclose(file);
}

using Main = int (*)(int, char**, char**);
Main g_main;

int CountedMain(int argc, char** argv, char** environment) {
  ReadRequest();
  // Programs that this one runs are not under test.
  unsetenv("LD_PRELOAD");
  unsetenv("OCCAM_FAULT");
  dl_iterate_phdr(NoteFrail, nullptr);
  void* frame = nullptr;
  backtrace(&frame, 1);  // loads what it needs
  atexit(WriteCounts);
  g_running = true;
  return g_main(argc, argv, environment);
}

template <typename Function>
Function Real(Function, const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

}  // namespace

// Each function takes the place of libc's by its name in the object file, whatever its declaration
// is there.
#define OCCAM_REPLACE(result, name, ...)                  \
  extern "C" result Fault_##name(__VA_ARGS__) asm(#name); \
  extern "C" result Fault_##name(__VA_ARGS__)
#define OCCAM_REAL(name) static const auto real = Real(&Fault_##name, #name)

using Hook = void (*)();
OCCAM_REPLACE(int, __libc_start_main, Main main, int argc, char** argv, Hook init, Hook fini,
              Hook rtld_fini, void* stack) {
  OCCAM_REAL(__libc_start_main);
  g_main = main;
  return real(CountedMain, argc, argv, init, fini, rtld_fini, stack);
}

OCCAM_REPLACE(ssize_t, read, int fd, void* bytes, size_t count) {
  OCCAM_REAL(read);
  if (Fails(kRead)) return -1;
  return real(fd, bytes, count > 1 && Fails(kShortRead) ? 1 : count);
}
OCCAM_REPLACE(ssize_t, write, int fd, const void* bytes, size_t count) {
  OCCAM_REAL(write);
  if (fd != 2 && Fails(kWrite)) return -1;
  return real(fd, bytes, fd != 2 && count > 1 && Fails(kShortWrite) ? 1 : count);
}
OCCAM_REPLACE(ssize_t, pread, int fd, void* bytes, size_t count, off_t at) {
  OCCAM_REAL(pread);
  return Fails(kPread) ? -1 : real(fd, bytes, count, at);
}
OCCAM_REPLACE(ssize_t, pwrite, int fd, const void* bytes, size_t count, off_t at) {
  OCCAM_REAL(pwrite);
  return Fails(kPwrite) ? -1 : real(fd, bytes, count, at);
}

namespace {

mode_t ModeOf(int flags, va_list arguments) {
  const bool creates = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  return creates ? va_arg(arguments, mode_t) : 0;
}

bool OpenFails(int flags) {
  // Files without a name have a way out of their own.
  return Fails((flags & O_TMPFILE) == O_TMPFILE ? kTemporary : kOpen);
}

}  // namespace

#define OCCAM_REPLACE_OPEN(name)                               \
  OCCAM_REPLACE(int, name, const char* path, int flags, ...) { \
    OCCAM_REAL(name);                                          \
    va_list arguments;                                         \
    va_start(arguments, flags);                                \
    const mode_t mode = ModeOf(flags, arguments);              \
    va_end(arguments);                                         \
    return OpenFails(flags) ? -1 : real(path, flags, mode);    \
  }
OCCAM_REPLACE_OPEN(open)
OCCAM_REPLACE_OPEN(open64)
OCCAM_REPLACE(int, openat, int folder, const char* path, int flags, ...) {
  OCCAM_REAL(openat);
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ModeOf(flags, arguments);
  va_end(arguments);
  return OpenFails(flags) ? -1 : real(folder, path, flags, mode);
}
OCCAM_REPLACE(FILE*, fopen, const char* path, const char* mode) {
  OCCAM_REAL(fopen);
  return Fails(kOpen) ? nullptr : real(path, mode);
}
OCCAM_REPLACE(FILE*, fopen64, const char* path, const char* mode) {
  OCCAM_REAL(fopen64);
  return Fails(kOpen) ? nullptr : real(path, mode);
}

// What a call does that fails, when it does not do its work.
#define OCCAM_REPLACE_CALL(call, result, failed, name, parameters, ...) \
  OCCAM_REPLACE(result, name, parameters) {                             \
    OCCAM_REAL(name);                                                   \
    return Fails(call) ? failed : real(__VA_ARGS__);                    \
  }
#define OCCAM_LIST(...) __VA_ARGS__

OCCAM_REPLACE(int, close, int fd) {
  OCCAM_REAL(close);
  if (!Fails(kClose)) return real(fd);
  real(fd);  // as Linux does: the descriptor is gone
  errno = g_errno;
  return -1;
}
OCCAM_REPLACE_CALL(kOpenFolder, void*, nullptr, opendir, OCCAM_LIST(const char* path), path)
OCCAM_REPLACE_CALL(kOpenFolder, void*, nullptr, fdopendir, OCCAM_LIST(int fd), fd)
OCCAM_REPLACE_CALL(kSync, int, -1, fsync, OCCAM_LIST(int fd), fd)
OCCAM_REPLACE_CALL(kSync, int, -1, fdatasync, OCCAM_LIST(int fd), fd)
OCCAM_REPLACE_CALL(kRename, int, -1, rename, OCCAM_LIST(const char* from, const char* to), from, to)
OCCAM_REPLACE_CALL(kLink, int, -1, link, OCCAM_LIST(const char* from, const char* to), from, to)
OCCAM_REPLACE_CALL(kLink, int, -1, linkat,
                   OCCAM_LIST(int a, const char* from, int b, const char* to, int flags), a, from,
                   b, to, flags)
OCCAM_REPLACE_CALL(kUnlink, int, -1, unlink, OCCAM_LIST(const char* path), path)
OCCAM_REPLACE_CALL(kUnlink, int, -1, unlinkat, OCCAM_LIST(int folder, const char* path, int flags),
                   folder, path, flags)
OCCAM_REPLACE_CALL(kUnlink, int, -1, remove, OCCAM_LIST(const char* path), path)
OCCAM_REPLACE_CALL(kStat, int, -1, fstat, OCCAM_LIST(int fd, struct stat* out), fd, out)
OCCAM_REPLACE_CALL(kStat, int, -1, stat, OCCAM_LIST(const char* path, struct stat* out), path, out)
OCCAM_REPLACE_CALL(kStat, int, -1, lstat, OCCAM_LIST(const char* path, struct stat* out), path, out)
OCCAM_REPLACE_CALL(kSeek, off_t, -1, lseek, OCCAM_LIST(int fd, off_t at, int from), fd, at, from)
OCCAM_REPLACE_CALL(kMode, int, -1, fchmod, OCCAM_LIST(int fd, mode_t mode), fd, mode)
OCCAM_REPLACE_CALL(kMode, int, -1, chmod, OCCAM_LIST(const char* path, mode_t mode), path, mode)
OCCAM_REPLACE_CALL(kOwner, int, -1, fchown, OCCAM_LIST(int fd, uid_t user, gid_t group), fd, user,
                   group)
OCCAM_REPLACE_CALL(kTimes, int, -1, futimens, OCCAM_LIST(int fd, const struct timespec* times), fd,
                   times)
OCCAM_REPLACE_CALL(kLock, int, -1, flock, OCCAM_LIST(int fd, int operation), fd, operation)
OCCAM_REPLACE_CALL(kTemporary, int, -1, mkstemp, OCCAM_LIST(char* name), name)
OCCAM_REPLACE_CALL(kTruncate, int, -1, ftruncate, OCCAM_LIST(int fd, off_t length), fd, length)
OCCAM_REPLACE_CALL(kWait, int, -1, poll,
                   OCCAM_LIST(struct pollfd* waiting, nfds_t count, int timeout), waiting, count,
                   timeout)
OCCAM_REPLACE_CALL(kMakeFolder, int, -1, mkdir, OCCAM_LIST(const char* path, mode_t mode), path,
                   mode)
OCCAM_REPLACE(void*, mmap, void* at, size_t size, int protection, int flags, int fd, off_t offset) {
  OCCAM_REAL(mmap);
  if (Fails(kMap) && !IsTakenByFrail(size)) {
    errno = g_errno;
    return reinterpret_cast<void*>(-1);  // MAP_FAILED
  }
  return real(at, size, protection, flags, fd, offset);
}
// It returns what went wrong.
OCCAM_REPLACE_CALL(kThread, int, g_errno, pthread_create,
                   OCCAM_LIST(void* thread, const void* attributes, void* (*start)(void*),
                              void* argument),
                   thread, attributes, start, argument)

// glibc's own names for what these replace; dlsym itself allocates.
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* old, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
}
OCCAM_REPLACE(void*, malloc, size_t size) {
  return MemoryFails(size) ? nullptr : __libc_malloc(size);
}
OCCAM_REPLACE(void*, calloc, size_t count, size_t size) {
  return MemoryFails(count * size) ? nullptr : __libc_calloc(count, size);
}
OCCAM_REPLACE(void*, realloc, void* old, size_t size) {
  return MemoryFails(size) ? nullptr : __libc_realloc(old, size);
}
OCCAM_REPLACE(void*, aligned_alloc, size_t alignment, size_t size) {
  return MemoryFails(size) ? nullptr : __libc_memalign(alignment, size);
}
OCCAM_REPLACE(void*, memalign, size_t alignment, size_t size) {
  return MemoryFails(size) ? nullptr : __libc_memalign(alignment, size);
}
OCCAM_REPLACE(int, posix_memalign, void** out, size_t alignment, size_t size) {
  if (MemoryFails(size)) return ENOMEM;
  *out = __libc_memalign(alignment, size);
  return *out == nullptr ? ENOMEM : 0;
}
