//! How a VM is made and removed, safely to repeat.
