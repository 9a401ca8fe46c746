# signet_options: what every target is compiled and linked with.
add_library(signet_options INTERFACE)
target_compile_features(signet_options INTERFACE cxx_std_20)
target_include_directories(signet_options INTERFACE "${PROJECT_SOURCE_DIR}")
target_compile_definitions(signet_options INTERFACE _FILE_OFFSET_BITS=64)
target_compile_options(
    signet_options
    INTERFACE -Wall
              -Wextra
              -Wpedantic
              -Wconversion
              -Wsign-conversion
              -Wshadow
              -Wold-style-cast
              -Wnon-virtual-dtor
              -Woverloaded-virtual
              -Wformat=2
              -fno-omit-frame-pointer)
if(SIGNET_WERROR)
    target_compile_options(signet_options INTERFACE -Werror)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        # g++ 12 reports these for correct code of its own library (std::optional, std::vector) when it inlines deeply; the
        # last one at -O3.
        target_compile_options(signet_options INTERFACE -Wno-error=maybe-uninitialized -Wno-error=stringop-overflow
                                                        $<$<CONFIG:Release>:-Wno-error=restrict>)
    endif()
endif()

# Position-independent code everywhere, so that executables can be PIE. The policy adds -pie where the linker has it.
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported(LANGUAGES CXX)

if(SIGNET_HARDEN)
    target_compile_options(signet_options INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong
                                                    -fstack-clash-protection)
    target_link_options(signet_options INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|i.86")
        target_compile_options(signet_options INTERFACE -fcf-protection)
    endif()
endif()

if(SIGNET_FUZZ)
    target_compile_options(signet_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(SIGNET_SANITIZE)
    target_compile_options(signet_options INTERFACE "-fsanitize=${SIGNET_SANITIZE}" -fno-sanitize-recover=all)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        # Instrumented code sets off false alarms of this one, inside the standard library too.
        target_compile_options(signet_options INTERFACE -Wno-maybe-uninitialized)
    endif()
    target_link_options(signet_options INTERFACE "-fsanitize=${SIGNET_SANITIZE}")
endif()
