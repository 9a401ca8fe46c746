#include "restore/tar_writer.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>  // NOLINT(modernize-deprecated-headers): newlocale is POSIX, <clocale> need not have it
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <algorithm>
#include <clocale>
#include <exception>

#include "core/file.h"
#include "core/handle.h"
#include "restore/links.h"
#include "restore/metadata.h"

namespace signet::restore {
namespace {

using format::EntryType;

using ArchiveHandle = Handle<archive, ::archive_write_free>;
using EntryHandle = Handle<archive_entry, ::archive_entry_free>;

constexpr int kBlockSize = 64 * 1024;
constexpr std::string_view kAclPrefix = "system.posix_acl_";

/// libarchive turns names into UTF-8 by the thread's locale, and gives up on them in the "C" one.
class Utf8Locale {
public:
    Utf8Locale() : mine_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
        if (mine_ != nullptr) before_ = ::uselocale(mine_);
    }
    ~Utf8Locale() {
        if (mine_ == nullptr) return;
        ::uselocale(before_);
        ::freelocale(mine_);
    }
    Utf8Locale(const Utf8Locale&) = delete;
    Utf8Locale& operator=(const Utf8Locale&) = delete;

private:
    locale_t mine_;
    locale_t before_ = nullptr;
};

/// The tag of one entry of a POSIX ACL as Linux stores it, as libarchive calls it.
int acl_tag(unsigned tag) {
    switch (tag) {
        case 0x01:
            return ARCHIVE_ENTRY_ACL_USER_OBJ;
        case 0x02:
            return ARCHIVE_ENTRY_ACL_USER;
        case 0x04:
            return ARCHIVE_ENTRY_ACL_GROUP_OBJ;
        case 0x08:
            return ARCHIVE_ENTRY_ACL_GROUP;
        case 0x10:
            return ARCHIVE_ENTRY_ACL_MASK;
        case 0x20:
            return ARCHIVE_ENTRY_ACL_OTHER;
        default:
            return 0;
    }
}

/// returns  whether it was an ACL that libarchive understands
bool add_acl(archive_entry* entry, const format::Xattr& xattr) {
    const int type =
        xattr.name == "system.posix_acl_default" ? ARCHIVE_ENTRY_ACL_TYPE_DEFAULT : ARCHIVE_ENTRY_ACL_TYPE_ACCESS;
    ByteReader reader(as_bytes(xattr.value), xattr.name);
    constexpr std::size_t kItem = 8;
    if (reader.remaining() < 4 || reader.u32() != 2 || reader.remaining() % kItem != 0) return false;
    while (!reader.at_end()) {
        const int tag = acl_tag(reader.u16());
        const int permissions = reader.u16() & 7;
        const std::uint32_t id = reader.u32();
        if (tag == 0) return false;
        const bool is_named = tag == ARCHIVE_ENTRY_ACL_USER || tag == ARCHIVE_ENTRY_ACL_GROUP;
        ::archive_entry_acl_add_entry(entry, type, permissions, tag, is_named ? static_cast<int>(id) : -1, nullptr);
    }
    return true;
}

const std::string* name_of(const std::vector<std::pair<std::uint32_t, std::string>>& names, std::uint32_t id) {
    const auto found = std::lower_bound(names.begin(), names.end(), id,
                                        [](const auto& name, std::uint32_t wanted) { return name.first < wanted; });
    return found == names.end() || found->first != id ? nullptr : &found->second;
}

}  // namespace

struct TarWriter::State {
    State(int descriptor, bool is_plain, const format::BackupBody& names)
        : fd(descriptor), plain(is_plain), body(names), writer(::archive_write_new()), entry(::archive_entry_new()) {}

    /// No exception crosses libarchive: it is kept here and thrown again on our side.
    static la_ssize_t write_out(archive* /*writer*/, void* data, const void* octets, std::size_t count) {
        auto& state = *static_cast<State*>(data);
        try {
            write_full(state.fd, {static_cast<const std::uint8_t*>(octets), count}, "standard output");
            return static_cast<la_ssize_t>(count);
        } catch (...) {
            state.failure = std::current_exception();
            ::archive_set_error(state.writer.get(), EIO, "cannot write");
            return -1;
        }
    }

    void check(la_ssize_t result) {
        if (failure) std::rethrow_exception(failure);
        if (result < ARCHIVE_WARN) {
            const char* why = ::archive_error_string(writer.get());
            throw Error(ErrorCode::failed, std::string("cannot make the tar: ") + (why == nullptr ? "unknown" : why));
        }
    }

    int fd;
    bool plain;
    const format::BackupBody& body;
    Utf8Locale locale;
    std::exception_ptr failure;
    ArchiveHandle writer;
    EntryHandle entry;
    struct First {
        std::string path;
        Digest fingerprint;
    };
    std::map<format::LinkIdentity, First> links;
    std::uint64_t left = 0;
};

TarWriter::TarWriter(int fd, bool plain, const format::BackupBody& body)
    : state_(std::make_unique<State>(fd, plain, body)) {
    archive* writer = state_->writer.get();
    state_->check(::archive_write_set_format_pax(writer));
    state_->check(::archive_write_add_filter_none(writer));
    state_->check(::archive_write_set_bytes_per_block(writer, kBlockSize));
    state_->check(::archive_write_set_bytes_in_last_block(writer, 512));
    state_->check(::archive_write_open(writer, state_.get(), nullptr, &State::write_out, nullptr));
}

TarWriter::~TarWriter() {
    // An archive that was not finished must not get an end that makes it look whole.
    ::archive_write_fail(state_->writer.get());
}

bool TarWriter::add(std::string_view path, const format::Entry& entry) {
    archive_entry* out = ::archive_entry_clear(state_->entry.get());
    std::string name(path);
    if (entry.type == EntryType::directory) name += '/';
    ::archive_entry_set_pathname(out, name.c_str());
    ::archive_entry_set_mode(out, type_bits(entry.type) | entry.mode);
    ::archive_entry_set_mtime(out, static_cast<time_t>(entry.modified.seconds),
                              static_cast<long>(entry.modified.nanoseconds));
    if (!state_->plain) {
        ::archive_entry_set_uid(out, entry.uid);
        ::archive_entry_set_gid(out, entry.gid);
        if (const std::string* owner = name_of(state_->body.owners, entry.uid))
            ::archive_entry_set_uname(out, owner->c_str());
        if (const std::string* group = name_of(state_->body.groups, entry.gid))
            ::archive_entry_set_gname(out, group->c_str());
        for (const format::Xattr& xattr : entry.xattrs) {
            if (xattr.name.starts_with(kAclPrefix) && add_acl(out, xattr)) continue;
            ::archive_entry_xattr_add_entry(out, xattr.name.c_str(), xattr.value.data(), xattr.value.size());
        }
    }
    if (entry.type == EntryType::symlink) ::archive_entry_set_symlink(out, entry.target.c_str());
    if (entry.type == EntryType::character || entry.type == EntryType::block) {
        ::archive_entry_set_rdev(out, makedev(entry.major, entry.minor));
    }
    bool is_link = false;
    if (entry.link) {
        const auto [first, is_first] =
            state_->links.try_emplace(*entry.link, State::First{name, fingerprint_of(entry)});
        is_link = !is_first && first->second.fingerprint == fingerprint_of(entry);
        if (is_link) ::archive_entry_set_hardlink(out, first->second.path.c_str());
    }
    state_->left = entry.type == EntryType::file && !is_link ? entry.logical_size() : 0;
    ::archive_entry_set_size(out, static_cast<la_int64_t>(state_->left));
    if (state_->left > 0) {
        std::uint64_t offset = 0;
        for (const format::Extent& extent : entry.extents) {
            offset += extent.hole;
            if (extent.data > 0) {
                ::archive_entry_sparse_add_entry(out, static_cast<la_int64_t>(offset),
                                                 static_cast<la_int64_t>(extent.data));
            }
            offset += extent.data;
        }
        // Nothing but a hole: an empty stretch at its end says so.
        if (!entry.extents.empty() && entry.content.size == 0) {
            ::archive_entry_sparse_add_entry(out, static_cast<la_int64_t>(offset), 0);
        }
    }
    state_->check(::archive_write_header(state_->writer.get(), out));
    return state_->left > 0;
}

void TarWriter::write(ByteView octets) {
    while (!octets.empty()) {
        const la_ssize_t written = ::archive_write_data(state_->writer.get(), octets.data(), octets.size());
        state_->check(written);
        if (written <= 0) throw Error(ErrorCode::failed, "cannot make the tar: nothing more is taken");
        octets = octets.subspan(static_cast<std::size_t>(written));
        state_->left -= std::min(state_->left, static_cast<std::uint64_t>(written));
    }
}

void TarWriter::end_file() {
    if (state_->left != 0) throw Error(ErrorCode::failed, "cannot make the tar: a file is shorter than announced");
    state_->check(::archive_write_finish_entry(state_->writer.get()));
}

void TarWriter::finish() { state_->check(::archive_write_close(state_->writer.get())); }

}  // namespace signet::restore
