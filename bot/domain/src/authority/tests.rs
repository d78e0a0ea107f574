//! Every combination of what decides who may say yes.
