"""Removes one check at a time, and demands that a test notices.

Each row names a file, the exact text of a check, what stands in its place, and the suites of which one must fail. The
sources are copied (never changed in place), and only what the change touches is built again. Prints how many were tried.

    mutations.py [--build DIR] [--only TEXT] [--jobs N] [--from N --to M]
"""

import argparse
import os
import shutil
import subprocess
import sys

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))

# (file, text, replacement, suites)
CHECKS = [
    # format: what every reader believes
    ("format/entry.cpp", "    verify_signature(object, name);\n", "", "format"),
    ("format/entry.cpp", "    check_name(entry, *expected, name);\n    entry.id = EntryId::from", "    entry.id = EntryId::from", "format storage"),
    ("format/entry.cpp", 'if (seals != (envelope.sealed_size > 0)) throw_damaged(name, "a sealed part that its kind does not have");', "static_cast<void>(seals);", "format"),
    ("format/entry.cpp", 'if (head.sequence < 1 || head.sequence > kMaxSequence) reader.fail("impossible sequence number");', "", "format"),
    ("format/entry.cpp", 'if ((head.sequence == 1) != head.previous.is_zero()) reader.fail("impossible previous entry");', "", "format"),
    ("format/slot.cpp", 'if (wrapped.empty()) reader.fail("no wrapped key");', "", "format"),
    ("format/slot.cpp", '    reader.expect_end();\n    return slot;', "    return slot;", "format"),
    ("format/slot.cpp", "if (!constant_time_equal(plaintext.reveal().subspan(kSecretSize), context.view())) {", "if (false) {", "format"),
    ("format/slot.cpp", "if (!constant_time_equal(key.commitment().view(), slot.commitment.view())) {", "if (false) {", "format"),
    ("format/pack.cpp", 'if (codec == Codec::raw && payload != raw_size) return "sealed length of a raw frame";', "", "format"),
    ("format/pack.cpp", 'if (codec == Codec::zstd && payload >= raw_size) return "compressed frame that is not shorter";', "static_cast<void>(payload);", "format"),
    ("format/pack.cpp", 'if (value == 0) reader.fail("empty chunk");', "", "format"),
    ("format/pack.cpp", 'if (rest != 0) reader.fail("chunks do not fill their frame");', "", "format"),
    ("format/pack.cpp", 'if (fields.repository != key.repository()) throw_damaged(what, "belongs to another repository");', "", "format"),
    ("format/pack.cpp", 'if (fields.dek != key.id()) throw_damaged(what, "sealed under another data key");', "", "format"),
    ("format/pack.cpp", 'if (!fields.reserved_is_zero) throw_damaged(what, "reserved octets are not zero");', "", "format"),
    ("format/pack.cpp", "if (!constant_time_equal(secrets.reveal().subspan(2 * kKeySize), header.subspan(kCommitmentOffset, kKeySize))) {", "if (false) {", "format"),
    ("format/pack.cpp", 'if (reader.u64() != object_size) throw_damaged(what, "another length than it was stored with");', "static_cast<void>(reader.u64());", "format"),
    ("format/pack.cpp", "if (kPackHeaderSize + sum_sealed(frames) + size + kPackTrailerSize != object_size) {", "if (false) {", "format"),
    ("format/index.cpp", 'if (reader.id<RepositoryId>() != repository) throw_damaged(what, "belongs to another repository");', "static_cast<void>(repository); static_cast<void>(reader.id<RepositoryId>());", "format"),
    ("format/index.cpp", 'if (reader.id<IdentityId>() != writer_identity) throw_damaged(what, "made by another writer");', "static_cast<void>(writer_identity); static_cast<void>(reader.id<IdentityId>());", "format"),
    ("format/index.cpp", 'if (!frames_fit(pack)) reader.fail("frames do not fit in their pack");', "", "format"),
    ("format/index.cpp", 'if (count == 0) reader.fail("pack without frames");', "", "format"),
    ("format/tree.cpp", 'if (is_root ? !entry.name.empty() : !is_entry_name(entry.name)) reader.fail("not a name");', "static_cast<void>(is_root);", "format restore"),
    ("format/tree.cpp", 'if (i > 0 && entry.xattrs[i - 1].name >= xattr.name) reader.fail("extended attributes do not ascend");', "", "format"),
    ("format/tree.cpp", 'if (data != entry.content.size) reader.fail("stretches do not hold the content");', "", "format"),
    ("format/tree.cpp", 'if (is_root && entry.type != EntryType::directory) reader.fail("the root is not a directory");', "", "format"),
    ("format/tree.cpp", 'if ((fields & kHasLink) != 0 && entry.type == EntryType::directory) reader.fail("directory with a link identity");', "", "format"),
    ("format/tree.cpp", 'if (!entries.empty() && entries.back().name >= entry.name) reader.fail("names do not ascend");', "", "format"),
    ("format/tree.cpp", "name == \".\" || name == \"..\") return false;", "name == \".\") return false;", "format restore"),
    ("format/content.cpp", 'if (length == 0) reader.fail("empty chunk");', "", "format"),
    ("format/content.cpp", 'if (reference.span > rest) reader.fail("references cover more than there is");', "", "format"),
    ("format/content.cpp", 'if (rest != 0) reader.fail("references cover less than there is");', "", "format"),
    ("format/content.cpp", 'if (reader.u8() != expected_level || expected_level >= kMaxContentLevel) reader.fail("list of another level");', "static_cast<void>(reader.u8());", "format"),
    ("format/encoding.cpp", 'if (count > reader.remaining() / item_size) reader.fail("count of more than is left");', "static_cast<void>(item_size);", "format"),
    ("format/encoding.cpp", 'if (!is_utf8(bytes)) reader.fail("text that is not UTF-8");', "", "format"),
    ("format/encoding.cpp", 'if (version != 1) throw_unsupported(what, "made by another version (" + std::to_string(version) + ")");', "static_cast<void>(version);", "format"),
    ("format/config.cpp", 'if (as_text(canonical) != as_text(bytes)) throw_damaged(kWhat, "not in its canonical spelling");', "", "format"),
    ("core/byte_io.cpp", 'if (octet == 0 && shift > 0) fail("number encoded longer than necessary");', "", "core format"),
    ("core/byte_io.cpp", 'if (value > limit) fail("number over its limit");', "static_cast<void>(limit);", "core format"),
    ("core/byte_io.cpp", 'if (count > remaining()) fail("truncated");', "", "core format"),
    ("core/byte_io.cpp", 'if (!at_end()) fail("octets left over");', "", "core format"),
    ("core/crypto/scrypt.cpp", "if (!within_limits(cost)) throw", "if (false) throw", "core format"),
    # storage: what a journal, a slot and an index are held to; what a local folder promises
    ("storage/repository.cpp", 'if (entry.head.repository != config.repository) return damaged("signed for another repository");', "", "storage"),
    ("storage/repository.cpp", 'if (entry.head.config_hash != config_hash) return damaged("signed for another config.json");', "", "storage"),
    ("storage/repository.cpp", "if (read.entry->head.previous == previous) return std::nullopt;", "static_cast<void>(previous); return std::nullopt;", "storage"),
    ("storage/repository.cpp", "if (read[i].entry && !place && journal", "if (read[i].entry && journal", "storage"),
    ("storage/repository.cpp", 'if (crypto::sha256(object) != name.content) throw damaged("the content is not what the name says");', "", "storage"),
    ("storage/repository.cpp", "if (IndexId::from(crypto::sha256(object).view()) != id) {", "if (false) {", "storage restore"),
    ("storage/repository.cpp", "if (store_->get(name, format::kMaxSlot) != object) {", "if (false) {", "storage"),
    ("storage/local_store.cpp", 'if (!S_ISREG(status.st_mode)) throw Error(ErrorCode::damaged, path_of(name) + ": not a regular file");\n    size =', "size =", "storage"),
    ("storage/local_store.cpp", "if (now.tv_sec - status.st_mtim.tv_sec < age_seconds) return;", "static_cast<void>(age_seconds); static_cast<void>(now);", "storage"),
    ("storage/local_store.cpp", "if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return;", "", "storage"),
    # keyring: who is believed
    ("keyring/trust.cpp", "return officer != officers.end() && entry.sequence >= officer->second.first_sequence &&\n           entry.sequence <= officer->second.last_sequence;", "return officer != officers.end();", "keyring"),
    ("keyring/trust.cpp", "return found != nullptr && sequence >= found->first_sequence && sequence <= found->last_sequence;", "static_cast<void>(sequence); return found != nullptr;", "keyring"),
    ("keyring/trust.cpp", "if (statement.role != role || settled.contains(statement.identity)) continue;", "if (statement.role != role) continue;", "keyring"),
    ("keyring/local_vault.cpp", "if (!constant_time_equal(as_bytes(expected.hex()), as_bytes(stored_mac))) {", "if (false) {", "keyring"),
    ("keyring/local_vault.cpp", "if (known && next.generation < content.generation) {", "if (false) {", "keyring"),
    ("keyring/state_file.cpp", "if (encode_state(body) != as_text(file)) {", "if (false) {", "keyring"),
    ("keyring/vault_seal.cpp", "if (!constant_time_equal(key.check.view(), fields.id<Digest>(\"check\").view())) return std::nullopt;", "", "keyring"),
    # restore: what is released, and where it goes
    ("restore/frame_reader.cpp", 'if (id_of(kind, octets) != id) fail_damaged("chunk " + id.hex(), "has another content than its id says");', "static_cast<void>(kind); static_cast<void>(id); static_cast<void>(octets);", "restore"),
    ("restore/frame_reader.cpp", 'if (place->length != length) fail_damaged("chunk " + id.hex(), "has another length than its reference says");', "static_cast<void>(length);", "restore"),
    ("restore/frame_reader.cpp", 'if (!found.is_aside && !options_.any_size && found.reader->size() != place.size)\n        fail_damaged(name, "has another size than its backup says");', "", "restore"),
    ("restore/opener.cpp", "    planner.catalogue().require_trusted(backup);\n", "", "restore"),
    ("restore/opener.cpp", "if (!plan.restorable) throw KeyUnavailable(std::move(plan));", "", "restore"),
    ("restore/catalogue_choice.cpp", "if (found != nullptr && found->is_stranded && !beyond_damage_) throw_stranded(*found);", "", "restore"),
    ("restore/lost_runs.cpp", "            (void)format::PackKeys::open(key, read_header(store, pack), format::pack_name(pack));\n", "            static_cast<void>(store);\n", "restore"),
    ("restore/index_rows.cpp", 'if (segment.dek != entry_.listed->dek) throw Error(ErrorCode::damaged, name + ": is about another data key");', "", "restore"),
    ("restore/opener.cpp", "            check_commitment(opened, key, what);\n", "", "restore"),
    ("restore/target.cpp", "    if (is_folder && holds_anything(fd, path)) refuse();\n", "", "restore"),
    ("restore/target.cpp", "(is_folder ? status.st_nlink > 2 : status.st_nlink != 1)) refuse();", "false) refuse();", "restore"),
    ("restore/target.cpp", "if (!(NodeId::of(status_of(fd.get(), path)) == folder->id_)) {", "if (false) {", "restore"),
    ("restore/target.cpp", "if (status.st_dev != device_ || mount_of(below.get()) != mount_) {", "if (false) {", "restore"),
    ("restore/space_check.cpp", "if (announced_ <= room_ || announced_ <= claimed_) return;", "return;", "restore"),
    ("core/open_beneath.cpp", "    flags |= O_NOFOLLOW | O_CLOEXEC;\n", "    flags |= O_CLOEXEC;\n", "core"),
    ("core/open_beneath.cpp", "how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;", "how.resolve = 0; how.flags &= ~static_cast<unsigned long long>(O_NOFOLLOW);", "core restore"),
    # backup: nothing that changed on the way is committed
    ("backup/pack_writer.cpp", "if (fault_sum(again.subspan(offset, chunk.length)) != chunk.sum) return false;", "", "backup"),
    ("backup/pack_writer.cpp", 'if (!pack.is_as_sealed()) fail_of_faulty_memory("a pack changed in memory before it was stored");', "", "backup"),
    # prune: what goes, and what is waited for
    ("restore/prune.cpp", "        if (holdings_.needs(pack)) return false;\n", "", "restore"),
    ("restore/prune.cpp", "if (!one->is_open() && waited_for(holdings, *one).empty()) settled.insert(one->entry);", "if (!one->is_open()) settled.insert(one->entry);", "restore"),
    ("restore/prune.cpp", "if (entry->is_live && entry->run) return std::nullopt;", "", "restore"),
    ("restore/pruner.cpp", "if (!one.is_open() || !waited_for(look_->holdings, one).empty()) return false;", "if (!one.is_open()) return false;", "restore"),
    ("restore/holdings.cpp", "        if (finding.counts) throw finding.error;\n", "", "restore"),
    ("backup/history.cpp", "if (standing != storage::Standing::free) pack.usable = false;", "static_cast<void>(standing);", "backup"),
    # packs that are needed in part: whom lossy entries stand for, and what is borrowed
    ("format/repack_entry.cpp", "    if (!is_lossy()) return true;\n", "    return true;\n", "format restore"),
    ("storage/repacks.cpp", "        if (by.fields.is_lossy()) {", "        if (false) {", "restore"),
    ("storage/repacks.cpp", 'if (entry->id != backup.backup) contradict(repack, place, "is another backup");', "", "restore"),
    ("storage/condemnations.cpp", "worst = std::max(worst, of_pack(item.identity, item.sequence, pack));", "static_cast<void>(pack);", "storage"),
    ("backup/history.cpp", "if (used_[i].load(std::memory_order_relaxed) == 0 || pack.journal) continue;", "if (pack.dek.octets.size() > 0) continue;", "restore backup"),
    ("restore/catalogue_reach.cpp", "named.push_back({repack->entry, &repack->fields, repack->fields.writer, item.bitmap});", "static_cast<void>(repack);", "restore"),
    ("restore/catalogue_reach.cpp", "    check_borrowed(backup);\n}\n", "}\n", "restore"),
    ("restore/sieve.cpp", "for (const Wanted& chunk : wanted) require_id(record.kind, chunk, source.name());", "", "restore"),
    ("core/secret.cpp", "    wipe({data_, size_});\n    if", "    if", "core"),
    ("core/secret.cpp", "    static_cast<void>(::madvise(pages, size, MADV_DONTDUMP));\n", "", "core"),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "mutations"), help="where to copy and build")
    parser.add_argument("--only", help="rows with this text in their file or check")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--from", dest="first", type=int, default=0)
    parser.add_argument("--to", dest="last", type=int, default=len(CHECKS))
    parser.add_argument("--list", action="store_true", help="only see whether every text is there, once")
    options = parser.parse_args()
    rows = [row for row in CHECKS[options.first:options.last] if not options.only or options.only in row[0] + row[1]]
    wrong = [f"{file}: not there once: {text[:70]!r}" for file, text, _, _ in CHECKS if read(ROOT, file).count(text) != 1]
    if wrong:
        print("\n".join(wrong))
        sys.exit(1)
    if options.list:
        print(f"mutations: {len(CHECKS)} checks are listed, and each is there")
        return
    copy = os.path.join(options.build, "source")
    prepare(copy, options.jobs)
    survived = []
    for number, (file, text, replacement, suites) in enumerate(rows, start=1):
        how = attempt(copy, file, text, replacement, suites.split(), options.jobs)
        print(f"  {number:3} of {len(rows)}  {file}: {' '.join(text.split())[:80]}: {how}", flush=True)
        if not how.startswith("noticed"):
            survived.append(file + ": " + text)
    print(f"mutations: {len(survived)} of {len(rows)} removed checks went unnoticed")
    sys.exit(1 if survived else 0)


def read(root, file):
    with open(os.path.join(root, file), encoding="utf-8") as source:
        return source.read()


def prepare(copy, jobs):
    """A copy of what git has, built once."""
    os.makedirs(copy, exist_ok=True)
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout.split(b"\0")
    for name in filter(None, files):
        source, target = os.path.join(ROOT, name.decode()), os.path.join(copy, name.decode())
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not os.path.exists(target) or read_octets(source) != read_octets(target):
            shutil.copy(source, target)
    environment = dict(os.environ, CCACHE_BASEDIR=copy, CCACHE_NOHASHDIR="1")
    run = lambda *words: subprocess.run(words, cwd=copy, check=True, env=environment, stdout=subprocess.DEVNULL)
    # Without debug information, for short links. What a check alone has used is not used any more, and no reason to stop.
    unused = " ".join("-Wno-unused-" + what for what in ("parameter", "variable", "but-set-variable", "function", "value"))
    run("cmake", "--preset", "dev", "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -D_GLIBCXX_ASSERTIONS " + unused)
    run("cmake", "--build", "--preset", "dev", "--parallel", str(jobs), "--target", *(f"signet_unit_{suite}" for suite in
        ("core", "format", "storage", "keyring", "backup", "restore")))


def read_octets(path):
    with open(path, "rb") as file:
        return file.read()


def attempt(copy, file, text, replacement, suites, jobs):
    path, original = os.path.join(copy, file), read(copy, file)
    with open(path, "w", encoding="utf-8") as target:
        target.write(original.replace(text, replacement))
    try:
        for suite in suites:
            built = subprocess.run(["cmake", "--build", "--preset", "dev", "--parallel", str(jobs), "--target", f"signet_unit_{suite}"],
                                   cwd=copy, capture_output=True, text=True, check=False)
            if built.returncode != 0:
                return "does not build: " + built.stdout[-500:]
            try:
                tested = subprocess.run([os.path.join(copy, "build/dev/tests/unit", suite, f"signet_unit_{suite}"), "-a"],
                                        cwd=copy, capture_output=True, timeout=600, check=False)
                if tested.returncode != 0:
                    return f"noticed by {suite}"
            except subprocess.TimeoutExpired:
                return f"noticed by {suite} (it did not end)"
        return "UNNOTICED"
    finally:
        with open(path, "w", encoding="utf-8") as target:
            target.write(original)


if __name__ == "__main__":
    main()
