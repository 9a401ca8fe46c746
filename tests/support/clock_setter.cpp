// Preloaded into the program by a test: its clock stands at SIGNET_CLOCK, which is "SECONDS.NANOSECONDS" since 1970.
#include <sys/syscall.h>
#include <unistd.h>
#include <cstdlib>
#include <cstring>
#include <ctime>

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
    const char* stands = std::getenv("SIGNET_CLOCK");
    if (clock != CLOCK_REALTIME || stands == nullptr)
        return static_cast<int>(::syscall(SYS_clock_gettime, clock, time));
    const char* point = std::strchr(stands, '.');
    time->tv_sec = std::atol(stands);
    time->tv_nsec = point == nullptr ? 0 : std::atol(point + 1);
    return 0;
}
