"""The Signet repository format, read from docs/format.md alone. Each module follows one or two sections of it:

    encoding   2        integers, varints, blobs
    crypto     3        hashes, keys, sealed octets, zstd frames
    store      1        names of objects, and reading them
    config     4        config.json
    journal    5, 6, 7  entries, chains, trust
    slots      8, 12    wrapped data keys, escrow objects
    packs      9, 10    packs, frames, index segments
    contents   11       references, directories, entries
    backup     6        opening one backup with keys: body, labels, chunks
    restore    15       writing a backup's files
    verify     15       checking everything
"""
