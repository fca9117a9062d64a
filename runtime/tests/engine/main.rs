//! The engine from the outside: real tools on a real SQLite file.
#![allow(clippy::unused_async, reason = "async tools are what is tested")]

mod checked;
mod combinations;
mod contradictions;
mod crash;
mod crowd;
mod damage;
mod damage_beside_the_seal;
mod disk;
mod example;
mod fatigue;
mod faults;
mod flows;
mod forged_grants;
mod grants;
mod history;
mod inplace;
mod killed;
mod ledger;
mod lent;
mod mutations;
mod notices;
mod people;
mod process;
mod races;
mod redeploy;
mod reminders;
mod rewritten;
mod rules;
mod start;
mod stores;
mod story;
mod trace_file;
mod traces;
mod trio;
mod world;
