#include "core/secret.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <array>
#include <cstring>
#include <mutex>
#include <new>
#include <utility>

#include "core/error.h"

namespace signet {
namespace {

constexpr std::size_t kPageSize = 4096;
constexpr std::size_t kSlabSize = 4 * kPageSize;
constexpr std::size_t kSmallestBlock = 32;
constexpr std::size_t kLargestBlock = 4096;
constexpr std::size_t kClassCount = 8;  // 32, 64, ... 4096

std::size_t round_up(std::size_t size, std::size_t unit) { return (size + unit - 1) / unit * unit; }

/// Fresh zero pages, locked where RLIMIT_MEMLOCK allows, never in a core dump.
void* map_secret_pages(std::size_t size) {
    void* pages = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) throw std::bad_alloc();
    // Best effort: a small lock limit must not stop a restore.
    static_cast<void>(::mlock(pages, size));
    static_cast<void>(::madvise(pages, size, MADV_DONTDUMP));
    return pages;
}

/// Blocks of a few sizes, cut from slabs of secret pages. Free blocks are zero but for the link to the next one.
/// Slabs are kept for the life of the process: secrets are few and short-lived.
class SecretArena {
public:
    void* take(std::size_t size_class) {
        const std::lock_guard lock(mutex_);
        FreeBlock*& head = free_[size_class];
        if (head == nullptr) head = cut_slab(kSmallestBlock << size_class);
        FreeBlock* block = head;
        head = block->next;
        block->next = nullptr;
        return block;
    }

    void give_back(void* memory, std::size_t size_class) noexcept {
        const std::lock_guard lock(mutex_);
        auto* block = new (memory) FreeBlock{free_[size_class]};
        free_[size_class] = block;
    }

private:
    struct FreeBlock {
        FreeBlock* next;
    };

    static FreeBlock* cut_slab(std::size_t block_size) {
        auto* slab = static_cast<std::uint8_t*>(map_secret_pages(kSlabSize));
        FreeBlock* head = nullptr;
        for (std::size_t offset = kSlabSize; offset >= block_size; offset -= block_size) {
            head = new (slab + offset - block_size) FreeBlock{head};
        }
        return head;
    }

    std::mutex mutex_;
    std::array<FreeBlock*, kClassCount> free_{};
};

/// Never destroyed, so that secrets in static objects can be released at any time.
SecretArena& arena() {
    alignas(SecretArena) static std::array<std::byte, sizeof(SecretArena)> storage;
    static auto* const instance = new (storage.data()) SecretArena;
    return *instance;
}

std::size_t class_of(std::size_t size) {
    std::size_t size_class = 0;
    while ((kSmallestBlock << size_class) < size) ++size_class;
    return size_class;
}

}  // namespace

SecretBytes::SecretBytes(std::size_t size) : size_(size) {
    if (size == 0) return;
    void* memory = size <= kLargestBlock ? arena().take(class_of(size)) : map_secret_pages(round_up(size, kPageSize));
    data_ = static_cast<std::uint8_t*>(memory);
}

SecretBytes::SecretBytes(ByteView content) : SecretBytes(content.size()) {
    if (data_ != nullptr) std::memcpy(data_, content.data(), content.size());
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
    if (this != &other) {
        release();
        data_ = std::exchange(other.data_, nullptr);
        size_ = std::exchange(other.size_, 0);
    }
    return *this;
}

SecretBytes::~SecretBytes() { release(); }

void SecretBytes::release() noexcept {
    if (data_ == nullptr) return;
    wipe({data_, size_});
    if (size_ <= kLargestBlock) {
        arena().give_back(data_, class_of(size_));
    } else {
        static_cast<void>(::munmap(data_, round_up(size_, kPageSize)));
    }
    data_ = nullptr;
    size_ = 0;
}

bool SecretBytes::equals(ByteView other) const { return constant_time_equal(reveal(), other); }

void wipe(MutableByteView memory) noexcept {
    if (!memory.empty()) ::explicit_bzero(memory.data(), memory.size());
}

bool constant_time_equal(ByteView left, ByteView right) noexcept {
    if (left.size() != right.size()) return false;
    // Volatile keeps the compiler from ending the loop at the first difference.
    volatile std::uint8_t difference = 0;
    for (std::size_t i = 0; i < left.size(); ++i) {
        difference = static_cast<std::uint8_t>(difference | (left[i] ^ right[i]));
    }
    return difference == 0;
}

void harden_process() noexcept {
    const rlimit none{0, 0};
    static_cast<void>(::setrlimit(RLIMIT_CORE, &none));
    static_cast<void>(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
}

}  // namespace signet
