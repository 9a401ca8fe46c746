// Preloaded into the program by a test: its clock stands at SIGNET_CLOCK, which is "SECONDS.NANOSECONDS" since 1970.
#include <sys/syscall.h>
#include <unistd.h>
#include <cstdlib>
#include <ctime>

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
    const char* stands = std::getenv("SIGNET_CLOCK");
    if (clock != CLOCK_REALTIME || stands == nullptr)
        return static_cast<int>(::syscall(SYS_clock_gettime, clock, time));
    char* rest = nullptr;
    time->tv_sec = std::strtol(stands, &rest, 10);
    time->tv_nsec = *rest == '.' ? std::strtol(rest + 1, nullptr, 10) : 0;
    return 0;
}
