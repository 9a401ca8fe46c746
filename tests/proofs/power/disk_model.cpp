#include "tests/proofs/power/disk_model.h"

#include <algorithm>

namespace signet::proof {
namespace {

std::string parent_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

std::string name_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? path : path.substr(slash + 1);
}

void put(Bytes& content, std::uint64_t offset, ByteView octets) {
    if (content.size() < offset + octets.size()) content.resize(static_cast<std::size_t>(offset + octets.size()));
    std::copy(octets.begin(), octets.end(), content.begin() + static_cast<std::ptrdiff_t>(offset));
}

}  // namespace

DiskModel::Named DiskModel::at(const std::string& path) const {
    const auto folder = folders_.find(parent_of(path));
    if (folder == folders_.end()) return {};
    const auto found = folder->second.now.find(name_of(path));
    return found == folder->second.now.end() ? Named{} : found->second;
}

void DiskModel::name(const std::string& path, const Named& what) {
    Folder& folder = folders_[parent_of(path)];
    const std::string last = name_of(path);
    if (what.kind == Named::Kind::nothing)
        folder.now.erase(last);
    else
        folder.now[last] = what;
    folder.pending.emplace_back(last, what);
}

void DiskModel::apply(const Operation& operation) {
    using Kind = Operation::Kind;
    switch (operation.kind) {
        case Kind::make_file:
            files_[operation.file];
            name(operation.path, {Named::Kind::file, operation.file});
            break;
        case Kind::make_folder:
            folders_[operation.path];
            name(operation.path, {Named::Kind::folder, 0});
            break;
        case Kind::write: {
            File& file = files_[operation.file];
            put(file.now, operation.offset, operation.octets);
            file.pending.push_back({operation.offset, operation.octets, false});
            break;
        }
        case Kind::truncate: {
            File& file = files_[operation.file];
            file.now.resize(static_cast<std::size_t>(operation.offset));
            file.pending.push_back({operation.offset, {}, true});
            break;
        }
        case Kind::sync_file: {
            File& file = files_[operation.file];
            file.durable = file.now;
            file.pending.clear();
            break;
        }
        case Kind::sync_folder: {
            Folder& folder = folders_[operation.path];
            folder.durable = folder.now;
            folder.pending.clear();
            break;
        }
        case Kind::rename: {
            const Named what = at(operation.path);
            name(operation.to, what);
            name(operation.path, {});
            break;
        }
        case Kind::link:
            name(operation.to, at(operation.path));
            break;
        case Kind::unlink:
            name(operation.path, {});
            break;
        case Kind::mark:
            break;
    }
}

bool DiskModel::is_synced() const {
    return std::all_of(files_.begin(), files_.end(), [](const auto& one) { return one.second.pending.empty(); }) &&
           std::all_of(folders_.begin(), folders_.end(), [](const auto& one) { return one.second.pending.empty(); });
}

Bytes DiskModel::octets_of(const File& file, const Fate& fate, std::mt19937_64& random) {
    if (file.pending.empty() || fate.octets == Fate::Octets::kept) return file.now;
    if (fate.octets == Fate::Octets::lost) return file.durable;
    if (fate.octets == Fate::Octets::empty) return {};
    Bytes content = file.durable;
    const bool is_torn = fate.octets == Fate::Octets::torn;
    // Torn: everything up to some sector of some write, and nothing of what came after.
    const std::size_t last = is_torn ? random() % file.pending.size() : file.pending.size();
    for (std::size_t i = 0; i < file.pending.size() && i <= last; ++i) {
        const Change& change = file.pending[i];
        if (change.is_truncation) {
            if (is_torn || random() % 2 == 0) content.resize(static_cast<std::size_t>(change.offset));
            continue;
        }
        const std::size_t sectors = (change.octets.size() + fate.sector - 1) / fate.sector;
        const std::size_t whole = is_torn && i == last ? random() % (sectors + 1) : sectors;
        for (std::size_t sector = 0; sector < whole; ++sector) {
            if (!is_torn && random() % 2 == 0) continue;
            const std::size_t start = sector * fate.sector;
            const std::size_t size = std::min(fate.sector, change.octets.size() - start);
            put(content, change.offset + start, ByteView(change.octets).subspan(start, size));
        }
    }
    return content;
}

std::map<std::string, DiskModel::Named> DiskModel::names_of(const Folder& folder, const Fate& fate,
                                                            std::mt19937_64& random) {
    if (fate.names == Fate::Names::kept) return folder.now;
    std::map<std::string, Named> names = folder.durable;
    if (fate.names == Fate::Names::lost) return names;
    for (const auto& [name, what] : folder.pending) {
        if (random() % 2 == 0) continue;
        if (what.kind == Named::Kind::nothing)
            names.erase(name);
        else
            names[name] = what;
    }
    return names;
}

void DiskModel::add(Image& image, const std::string& path, const Fate& fate, std::mt19937_64& random) const {
    const auto folder = folders_.find(path);
    if (folder == folders_.end()) return;
    for (const auto& [name, what] : names_of(folder->second, fate, random)) {
        const std::string below = path.empty() ? name : path + "/" + name;
        if (what.kind == Named::Kind::folder) {
            image.folders.push_back(below);
            add(image, below, fate, random);
        } else if (what.kind == Named::Kind::file) {
            image.files[below] = octets_of(files_.at(what.file), fate, random);
        }
    }
}

Image DiskModel::cut(const Fate& fate, std::mt19937_64& random) const {
    Image image;
    add(image, "", fate, random);
    return image;
}

}  // namespace signet::proof
