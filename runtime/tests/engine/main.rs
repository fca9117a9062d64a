//! The engine from the outside: real tools on a real SQLite file.

mod combinations;
mod crash;
mod crowd;
mod damage;
mod disk;
mod flows;
mod killed;
mod process;
mod races;
mod redeploy;
mod stores;
mod story;
mod world;
