//! What breaks around the server: it says so, and goes on by itself.

mod database;
mod newer;
mod restored;
mod vcenter;
mod writes;
