//! Python environments through the public face, built by a real `uv` where they are built.

mod building;
mod keeping;
