#include "format/obeyed.h"

#include "format/encoding.h"
#include "format/limits.h"

#include <algorithm>
#include <map>

namespace signet::format {

void encode_read_journals(ByteWriter& writer, const ReadJournals& journals, std::size_t limit) {
    invariant(journals.size() <= limit, "no more journals than an entry can name");
    writer.varint(journals.size());
    for (std::size_t i = 0; i < journals.size(); ++i) {
        invariant(i == 0 || journals[i - 1].identity < journals[i].identity, "journals ascend by identity");
        invariant(journals[i].sequence > 0, "what was read has an entry");
        writer.id(journals[i].identity);
        writer.varint(journals[i].sequence);
    }
}

ReadJournals decode_read_journals(ByteReader& reader, std::size_t limit) {
    ReadJournals journals(read_count(reader, limit, IdentityId::kSize + 1));
    for (std::size_t i = 0; i < journals.size(); ++i) {
        journals[i].identity = reader.id<IdentityId>();
        if (i > 0 && !(journals[i - 1].identity < journals[i].identity)) reader.fail("journals do not ascend");
        journals[i].sequence = reader.varint(kMaxSequence);
        if (journals[i].sequence == 0) reader.fail("impossible sequence number");
    }
    return journals;
}

std::uint64_t read_up_to(const ReadJournals& journals, const IdentityId& identity) {
    const auto found = std::find_if(journals.begin(), journals.end(),
                                    [&](const ReadJournal& journal) { return journal.identity == identity; });
    return found == journals.end() ? 0 : found->sequence;
}

bool is_read_as_far(const ReadJournals& journals, const ReadJournals& least) {
    return std::all_of(least.begin(), least.end(), [&](const ReadJournal& wanted) {
        return read_up_to(journals, wanted.identity) >= wanted.sequence;
    });
}

ReadJournals farthest(const ReadJournals& left, const ReadJournals& right) {
    std::map<IdentityId, std::uint64_t> ends;
    for (const ReadJournals* each : {&left, &right}) {
        for (const ReadJournal& journal : *each) {
            auto& end = ends[journal.identity];
            end = std::max(end, journal.sequence);
        }
    }
    ReadJournals result;
    for (const auto& [identity, sequence] : ends) result.push_back({identity, sequence});
    return result;
}

}  // namespace signet::format
