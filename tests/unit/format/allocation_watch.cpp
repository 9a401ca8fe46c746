#include "tests/unit/format/allocation_watch.h"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace {

thread_local std::size_t largest_allocation = 0;

}  // namespace

namespace {

void* watched(std::size_t size) {
    largest_allocation = std::max(largest_allocation, size);
    return std::malloc(size == 0 ? 1 : size);
}

void* watched_or_throw(std::size_t size) {
    if (void* memory = watched(size)) return memory;
    throw std::bad_alloc();
}

}  // namespace

// Replaced for this executable alone; all forms without an alignment, so that sanitizers see pairs.
void* operator new(std::size_t size) { return watched_or_throw(size); }
void* operator new[](std::size_t size) { return watched_or_throw(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return watched(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return watched(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }

namespace signet::test {

AllocationWatch::AllocationWatch() { largest_allocation = 0; }
std::size_t AllocationWatch::largest() const { return largest_allocation; }

}  // namespace signet::test
