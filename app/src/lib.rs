//! The command line of a program that links Countersign tools.
