// Preloaded into the program by a test: what it tells syslog(3) goes into the file that SIGNET_CAUGHT_SYSLOG names.
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

namespace {

void write_line(int priority, const char* format, va_list arguments) {
    const char* path = std::getenv("SIGNET_CAUGHT_SYSLOG");
    std::FILE* file = path == nullptr ? nullptr : std::fopen(path, "ae");
    if (file == nullptr) return;
    (void)std::fprintf(file, "<%d>", priority);
    (void)std::vfprintf(file, format, arguments);
    (void)std::fputc('\n', file);
    (void)std::fclose(file);
}

}  // namespace

extern "C" {

void syslog(int priority, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    write_line(priority, format, arguments);
    va_end(arguments);
}

/// What fortified programs call.
void __syslog_chk(int priority, int, const char* format, ...) {  // NOLINT: the C library chose the name
    va_list arguments;
    va_start(arguments, format);
    write_line(priority, format, arguments);
    va_end(arguments);
}

}  // extern "C"
