"""Memory: the append-only record of a case, and what can be proven of it.

May live here: the line format, the hash chain, segments, blobs, the file store, the fold of records into a case's
state, signed heads, local keys, offline verification. May not: a decision about what to do next, a call to an API,
anything that prints. The only clock is the one handed in; the only randomness is the writer's nonce and a new key.

Files of a case, below `cases/<case>/`:

    journal.jsonl   the records, one line each            lock      held by the writer; names it, for information
    blobs/<sha256>  bodies too large for a line           heads/    signed heads, `<size>.note`
    artefacts/      evidence, by key                      inbox/    what others ask of the writer
    torn-…          marks a cut tail until its record is durable
"""
