// Package table lays out the tables, notes and headlines that the commands on
// recorded data print, as text for people and as Markdown.
package table
