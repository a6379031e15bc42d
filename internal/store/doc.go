// Package store keeps what the service must not forget: analyses with their
// looks, configs with their revisions, tasks that are to be done, and who
// changed what. It speaks SQL, one text for both databases: SQLite in a file for
// one process, PostgreSQL for several replicas.
//
// Messages are opaque here: the store gets encoded bytes, and beside them the few
// columns that are searched.
//
// A task is a row that says what is to be done and when. Who claims it holds a
// lease; who loses the lease (killed, frozen, cut off) cannot complete the task
// any more, since every claim counts the task's epoch up. Completing a task and
// writing what it produced is one transaction, so that a look is there once or
// not at all.
package store
