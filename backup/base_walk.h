// The walk of a base backup: a tar instead of folders. Files are read as they pass; the tree is told when all is there.
#pragma once

#include "backup/base_tar.h"
#include "backup/walk.h"

namespace signet::backup {

class BaseWalk {
public:
    BaseWalk(Walk::Setup setup, Reader& reader) : setup_(std::move(setup)), reader_(reader) {}

    /// throws  Error{damaged}: not a whole base backup; Error{interrupted}
    void run(int fd);
    /// After run().
    [[nodiscard]] const format::BasePlace& place() const { return place_; }
    [[nodiscard]] const std::unordered_set<std::uint32_t>& owners() const { return owners_; }
    [[nodiscard]] const std::unordered_set<std::uint32_t>& groups() const { return groups_; }

private:
    struct Node {
        std::map<std::string, Node> below;
        SourceStat stat;
        std::shared_ptr<FileJob> job;  ///< of a file
        std::string target;            ///< of a link
        bool is_folder = false;
        bool is_there = false;  ///< the tar has it itself
    };
    [[nodiscard]] Node& node_of(const std::string& path);
    void take_file(TarReader& tar, const TarReader::Entry& entry, Node& node);
    void tell(const std::string& path, const std::string& name, const Node& node);
    void store_link(WalkEvent& event, const std::string& name, const Node& node);
    void emit(WalkEvent event);
    void check_interrupted() const;

    Walk::Setup setup_;
    Reader& reader_;
    Node root_;
    BaseDescription description_;
    format::BasePlace place_;
    std::unordered_set<std::uint32_t> owners_;
    std::unordered_set<std::uint32_t> groups_;
};

}  // namespace signet::backup
