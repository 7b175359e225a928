// What the API says, as far as the pages read it. Times are RFC 3339, durations of limits nanoseconds as Go writes them.

/** @typedef {{planned: number, migrated: number, quarantined: number, left_out: number, merged: number, vanished: number, appeared: number, pending: number}} Users */
/** @typedef {{planned: number, done: number, dead: number, discarded: number, pending: number}} ShardSums */
/** @typedef {{name: string, planned: number, tried: number, quarantined: number, gate?: string, override?: boolean, why?: string[]}} Wave */
/** @typedef {{rows?: number, slots?: number, lag?: number, threads?: number, replication_lag?: number, backends?: number}} Limits */
/** @typedef {{halted?: string, paused?: string, paused_at?: string, rollback?: boolean, limits: Limits, gauge: {Pace: number, Reason: string}, deadline?: string, until?: string, left?: number}} Controls */
/** @typedef {{alive: number, slots: number, busy: number, stopping?: number, behind?: number, slow?: {why: string, workers: number}[]}} Fleet */
/**
 * @typedef {object} Progress
 * @property {string} migration
 * @property {string} state
 * @property {string} [wave]
 * @property {string} [step]
 * @property {Users} users
 * @property {number} rows
 * @property {number} moved_rows
 * @property {number} planned_rows
 * @property {ShardSums} shards
 * @property {number} working
 * @property {string} started_at
 * @property {Wave[]} [waves]
 * @property {Controls} controls
 * @property {Fleet} workers
 * @property {number} [needed_slots]
 * @property {{shards: number, why: string}} [setbacks] shards that come again and again
 */
/** @typedef {{low: number, middle: number, high: number}} Left */
/** @typedef {{at: string, rows_per_second: number, busy: number}} Point */
/** @typedef {{ordinal: number, generation: number, attempt: number, wave: string, rows: number, seconds: number}} Held */
/** @typedef {{id: string, host: string, program: string, slots: number, busy: number, rows_per_second: number, slow: string, stopping: boolean, behind: boolean, age_seconds: number, shards: Held[]}} Worker */
/** @typedef {{into: string, from: string, planned_rows: number, source_rows: number, written: number, gathered: number, set_aside: number, waiting: number, left_out: number, unexplained: number}} Table */
/** @typedef {{signed_in: boolean, pause: boolean, pause_why_not?: string, dead: boolean, dead_why_not?: string, legacy: boolean}} Actions */
/**
 * @typedef {object} Overview
 * @property {string} at
 * @property {string} version
 * @property {string} migration
 * @property {string} run
 * @property {string} mapping
 * @property {Progress} progress
 * @property {{verdict: string, reasons: string[] | null, at: string | null}} verdict
 * @property {{rows_per_second: number, users_per_second: number, seconds_left: Left | null}} rate
 * @property {Point[]} history the oldest first; an event has those alone that are new to its connection, but for the first
 * @property {Worker[]} workers
 * @property {Table[]} tables
 * @property {string} trace_url
 * @property {Actions} actions
 */
/** @typedef {{id: string, result: string, why: string, queued: boolean}} Republished */
/** @typedef {{cause: string, shards: number, users: number, rows: number, first_at: string, last_at: string, error: string, ids: string[]}} DeadCause */
/** @typedef {{id: string, users: number, rows: number, reason: string, at: string}} Discarded */
/** @typedef {{cause: string, users: number, rows: number, sample_keys: string[]}} Cause */

export {};
