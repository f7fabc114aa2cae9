//! One hash for a whole schema, independent of layout, quoting and the order objects were made in.
