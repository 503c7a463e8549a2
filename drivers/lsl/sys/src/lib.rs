//! The functions of the LSL C library (liblsl), opened at run time instead of linked.
//!
//! This stands in for the `lsl-sys` of crates.io, under its name and with its signatures, so that the crate `lsl`
//! works with a liblsl that is installed or fetched rather than compiled here. [`load`] must have succeeded before
//! any function is called; a call before that ends the process with a message. The library stays loaded for the
//! life of the process, since liblsl runs threads of its own.
//!
//! Only what `lsl` 0.1.1 calls is here. Source of the signatures: the C headers of liblsl 1.17 and 1.18
//! (`include/lsl/*.h`).
#![allow(unsafe_code, reason = "this crate is the border to a C library")]
#![allow(non_camel_case_types, non_upper_case_globals, reason = "the names of the C library")]

mod library;
mod types;

use std::ffi::c_char;

pub use library::{LoadError, load, loaded_from, set_config_content};
pub use types::*;

/// Declares the function table and, for each function under `public`, a function of that name which calls it.
macro_rules! functions {
    (
        public { $(fn $name:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)?;)* }
        wrapped { $(fn $wrapped:ident($($wty:ty),*) $(-> $wret:ty)?;)* }
    ) => {
        /// The addresses of the functions in the library that was opened.
        pub(crate) struct Table {
            $(pub(crate) $name: unsafe extern "C" fn($($ty),*) $(-> $ret)?,)*
            $(pub(crate) $wrapped: unsafe extern "C" fn($($wty),*) $(-> $wret)?,)*
        }

        impl Table {
            /// Looks every function up; the names that the library lacks when it lacks any.
            pub(crate) fn read(library: &libloading::Library) -> Result<Self, Vec<&'static str>> {
                let mut missing = Vec::new();
                $(let $name = library::symbol(library, stringify!($name), &mut missing);)*
                $(let $wrapped = library::symbol(library, stringify!($wrapped), &mut missing);)*
                $(let Some($name) = $name else { return Err(missing) };)*
                $(let Some($wrapped) = $wrapped else { return Err(missing) };)*
                Ok(Self { $($name,)* $($wrapped,)* })
            }
        }

        $(
            #[doc = concat!("liblsl's `", stringify!($name), "`.")]
            ///
            /// # Safety
            /// [`load`] has succeeded; the arguments are as the C header asks.
            pub unsafe extern "C" fn $name($($arg: $ty),*) $(-> $ret)? {
                // SAFETY: the address came from the library under this name; the caller vouches for the arguments.
                unsafe { (library::table().$name)($($arg),*) }
            }
        )*
    };
}

functions! {
    public {
        fn lsl_protocol_version() -> i32;
        fn lsl_library_version() -> i32;
        fn lsl_library_info() -> *const c_char;
        fn lsl_local_clock() -> f64;
        fn lsl_destroy_string(s: *mut c_char);

        fn lsl_resolve_all(buffer: *mut lsl_streaminfo, buffer_elements: u32, wait_time: f64) -> i32;
        fn lsl_resolve_byprop(buffer: *mut lsl_streaminfo, buffer_elements: u32, prop: *const c_char, value: *const c_char, minimum: i32, timeout: f64) -> i32;
        fn lsl_resolve_bypred(buffer: *mut lsl_streaminfo, buffer_elements: u32, pred: *const c_char, minimum: i32, timeout: f64) -> i32;
        fn lsl_create_continuous_resolver(forget_after: f64) -> lsl_continuous_resolver;
        fn lsl_create_continuous_resolver_byprop(prop: *const c_char, value: *const c_char, forget_after: f64) -> lsl_continuous_resolver;
        fn lsl_create_continuous_resolver_bypred(pred: *const c_char, forget_after: f64) -> lsl_continuous_resolver;
        fn lsl_resolver_results(res: lsl_continuous_resolver, buffer: *mut lsl_streaminfo, buffer_elements: u32) -> i32;
        fn lsl_destroy_continuous_resolver(res: lsl_continuous_resolver);

        fn lsl_create_streaminfo(name: *const c_char, type_: *const c_char, channel_count: i32, nominal_srate: f64, channel_format: lsl_channel_format_t, source_id: *const c_char) -> lsl_streaminfo;
        fn lsl_destroy_streaminfo(info: lsl_streaminfo);
        fn lsl_copy_streaminfo(info: lsl_streaminfo) -> lsl_streaminfo;
        fn lsl_get_name(info: lsl_streaminfo) -> *const c_char;
        fn lsl_get_type(info: lsl_streaminfo) -> *const c_char;
        fn lsl_get_channel_count(info: lsl_streaminfo) -> i32;
        fn lsl_get_nominal_srate(info: lsl_streaminfo) -> f64;
        fn lsl_get_channel_format(info: lsl_streaminfo) -> lsl_channel_format_t;
        fn lsl_get_source_id(info: lsl_streaminfo) -> *const c_char;
        fn lsl_get_version(info: lsl_streaminfo) -> i32;
        fn lsl_get_created_at(info: lsl_streaminfo) -> f64;
        fn lsl_get_uid(info: lsl_streaminfo) -> *const c_char;
        fn lsl_get_session_id(info: lsl_streaminfo) -> *const c_char;
        fn lsl_get_hostname(info: lsl_streaminfo) -> *const c_char;
        fn lsl_get_desc(info: lsl_streaminfo) -> lsl_xml_ptr;
        fn lsl_get_xml(info: lsl_streaminfo) -> *mut c_char;
        fn lsl_get_channel_bytes(info: lsl_streaminfo) -> i32;
        fn lsl_get_sample_bytes(info: lsl_streaminfo) -> i32;
        fn lsl_stream_info_matches_query(info: lsl_streaminfo, query: *const c_char) -> i32;
        fn lsl_streaminfo_from_xml(xml: *const c_char) -> lsl_streaminfo;

        fn lsl_create_outlet(info: lsl_streaminfo, chunk_size: i32, max_buffered: i32) -> lsl_outlet;
        fn lsl_destroy_outlet(out: lsl_outlet);
        fn lsl_push_sample_ftp(out: lsl_outlet, data: *const f32, timestamp: f64, pushthrough: i32) -> i32;
        fn lsl_push_sample_dtp(out: lsl_outlet, data: *const f64, timestamp: f64, pushthrough: i32) -> i32;
        fn lsl_push_sample_ltp(out: lsl_outlet, data: *const i64, timestamp: f64, pushthrough: i32) -> i32;
        fn lsl_push_sample_itp(out: lsl_outlet, data: *const i32, timestamp: f64, pushthrough: i32) -> i32;
        fn lsl_push_sample_stp(out: lsl_outlet, data: *const i16, timestamp: f64, pushthrough: i32) -> i32;
        fn lsl_push_sample_ctp(out: lsl_outlet, data: *const i8, timestamp: f64, pushthrough: i32) -> i32;
        fn lsl_push_sample_buftp(out: lsl_outlet, data: *mut *const c_char, lengths: *const u32, timestamp: f64, pushthrough: i32) -> i32;
        fn lsl_have_consumers(out: lsl_outlet) -> i32;
        fn lsl_wait_for_consumers(out: lsl_outlet, timeout: f64) -> i32;
        fn lsl_get_info(out: lsl_outlet) -> lsl_streaminfo;

        fn lsl_create_inlet(info: lsl_streaminfo, max_buflen: i32, max_chunklen: i32, recover: i32) -> lsl_inlet;
        fn lsl_destroy_inlet(in_: lsl_inlet);
        fn lsl_get_fullinfo(in_: lsl_inlet, timeout: f64, ec: *mut i32) -> lsl_streaminfo;
        fn lsl_open_stream(in_: lsl_inlet, timeout: f64, ec: *mut i32);
        fn lsl_close_stream(in_: lsl_inlet);
        fn lsl_time_correction(in_: lsl_inlet, timeout: f64, ec: *mut i32) -> f64;
        fn lsl_time_correction_ex(in_: lsl_inlet, remote_time: *mut f64, uncertainty: *mut f64, timeout: f64, ec: *mut i32) -> f64;
        fn lsl_set_postprocessing(in_: lsl_inlet, flags: u32) -> i32;
        fn lsl_pull_sample_f(in_: lsl_inlet, buffer: *mut f32, buffer_elements: i32, timeout: f64, ec: *mut i32) -> f64;
        fn lsl_pull_sample_d(in_: lsl_inlet, buffer: *mut f64, buffer_elements: i32, timeout: f64, ec: *mut i32) -> f64;
        fn lsl_pull_sample_l(in_: lsl_inlet, buffer: *mut i64, buffer_elements: i32, timeout: f64, ec: *mut i32) -> f64;
        fn lsl_pull_sample_i(in_: lsl_inlet, buffer: *mut i32, buffer_elements: i32, timeout: f64, ec: *mut i32) -> f64;
        fn lsl_pull_sample_s(in_: lsl_inlet, buffer: *mut i16, buffer_elements: i32, timeout: f64, ec: *mut i32) -> f64;
        fn lsl_pull_sample_c(in_: lsl_inlet, buffer: *mut i8, buffer_elements: i32, timeout: f64, ec: *mut i32) -> f64;
        fn lsl_samples_available(in_: lsl_inlet) -> u32;
        fn lsl_was_clock_reset(in_: lsl_inlet) -> u32;
        fn lsl_smoothing_halftime(in_: lsl_inlet, value: f32) -> i32;

        fn lsl_first_child(e: lsl_xml_ptr) -> lsl_xml_ptr;
        fn lsl_last_child(e: lsl_xml_ptr) -> lsl_xml_ptr;
        fn lsl_next_sibling(e: lsl_xml_ptr) -> lsl_xml_ptr;
        fn lsl_previous_sibling(e: lsl_xml_ptr) -> lsl_xml_ptr;
        fn lsl_parent(e: lsl_xml_ptr) -> lsl_xml_ptr;
        fn lsl_child(e: lsl_xml_ptr, name: *const c_char) -> lsl_xml_ptr;
        fn lsl_next_sibling_n(e: lsl_xml_ptr, name: *const c_char) -> lsl_xml_ptr;
        fn lsl_previous_sibling_n(e: lsl_xml_ptr, name: *const c_char) -> lsl_xml_ptr;
        fn lsl_empty(e: lsl_xml_ptr) -> i32;
        fn lsl_is_text(e: lsl_xml_ptr) -> i32;
        fn lsl_name(e: lsl_xml_ptr) -> *const c_char;
        fn lsl_value(e: lsl_xml_ptr) -> *const c_char;
        fn lsl_child_value(e: lsl_xml_ptr) -> *const c_char;
        fn lsl_child_value_n(e: lsl_xml_ptr, name: *const c_char) -> *const c_char;
        fn lsl_append_child_value(e: lsl_xml_ptr, name: *const c_char, value: *const c_char) -> lsl_xml_ptr;
        fn lsl_prepend_child_value(e: lsl_xml_ptr, name: *const c_char, value: *const c_char) -> lsl_xml_ptr;
        fn lsl_set_child_value(e: lsl_xml_ptr, name: *const c_char, value: *const c_char) -> i32;
        fn lsl_set_name(e: lsl_xml_ptr, rhs: *const c_char) -> i32;
        fn lsl_set_value(e: lsl_xml_ptr, rhs: *const c_char) -> i32;
        fn lsl_append_child(e: lsl_xml_ptr, name: *const c_char) -> lsl_xml_ptr;
        fn lsl_prepend_child(e: lsl_xml_ptr, name: *const c_char) -> lsl_xml_ptr;
        fn lsl_append_copy(e: lsl_xml_ptr, e2: lsl_xml_ptr) -> lsl_xml_ptr;
        fn lsl_prepend_copy(e: lsl_xml_ptr, e2: lsl_xml_ptr) -> lsl_xml_ptr;
        fn lsl_remove_child(e: lsl_xml_ptr, e2: lsl_xml_ptr);
        fn lsl_remove_child_n(e: lsl_xml_ptr, name: *const c_char);
    }
    wrapped {
        fn lsl_pull_sample_buf(lsl_inlet, *mut *mut c_char, *mut u32, i32, f64, *mut i32) -> f64;
    }
}

/// liblsl's `lsl_pull_sample_buf`, except that after a timeout nothing is left to free.
///
/// liblsl 1.17 allocates a (zero-length) buffer for each channel even when no sample came, and `lsl` 0.1.1 frees
/// buffers only with a sample: each poll of a quiet marker stream would leak. Here they are freed and set to null.
/// liblsl 1.18 leaves the pointers as they were.
///
/// # Safety
/// [`load`] has succeeded; `buffer` and `buffer_lengths` have room for `buffer_elements`, the pointers in `buffer` are
/// null; `ec` is null or valid.
pub unsafe extern "C" fn lsl_pull_sample_buf(
    in_: lsl_inlet,
    buffer: *mut *mut c_char,
    buffer_lengths: *mut u32,
    buffer_elements: i32,
    timeout: f64,
    ec: *mut i32,
) -> f64 {
    let table = library::table();
    // SAFETY: the address came from the library under this name; the caller vouches for the arguments. Without an
    // error each pointer is as the caller set it (null) or from malloc; lsl_destroy_string takes either.
    unsafe {
        let stamp = (table.lsl_pull_sample_buf)(in_, buffer, buffer_lengths, buffer_elements, timeout, ec);
        if stamp == 0.0 && !ec.is_null() && *ec == lsl_error_code_t_lsl_no_error {
            for k in 0..usize::try_from(buffer_elements).unwrap_or(0) {
                (table.lsl_destroy_string)(*buffer.add(k));
                *buffer.add(k) = std::ptr::null_mut();
            }
        }
        stamp
    }
}
