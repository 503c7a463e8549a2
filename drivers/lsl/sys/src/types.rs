//! The types and constants of the C headers (`include/lsl/common.h`, `include/lsl/types.h`).

/// Declares an opaque C object and the handle to it.
macro_rules! handle {
    ($object:ident, $handle:ident, $what:literal) => {
        #[doc = concat!("What a handle to ", $what, " points to; never looked into.")]
        #[repr(C)]
        #[derive(Debug, Copy, Clone)]
        pub struct $object {
            _unused: [u8; 0],
        }
        #[doc = concat!("A handle to ", $what, ".")]
        pub type $handle = *mut $object;
    };
}

handle!(lsl_streaminfo_struct_, lsl_streaminfo, "the declaration of a stream");
handle!(lsl_outlet_struct_, lsl_outlet, "a stream outlet");
handle!(lsl_inlet_struct_, lsl_inlet, "a stream inlet");
handle!(lsl_xml_ptr_struct_, lsl_xml_ptr, "a node of a stream's description");
handle!(lsl_continuous_resolver_, lsl_continuous_resolver, "a resolver in the background");

/// The number format of a stream's channels.
pub type lsl_channel_format_t = u32;
/// No format.
pub const lsl_channel_format_t_cft_undefined: lsl_channel_format_t = 0;
/// IEEE single.
pub const lsl_channel_format_t_cft_float32: lsl_channel_format_t = 1;
/// IEEE double.
pub const lsl_channel_format_t_cft_double64: lsl_channel_format_t = 2;
/// Text or bytes of any length.
pub const lsl_channel_format_t_cft_string: lsl_channel_format_t = 3;
/// 32-bit signed integers.
pub const lsl_channel_format_t_cft_int32: lsl_channel_format_t = 4;
/// 16-bit signed integers.
pub const lsl_channel_format_t_cft_int16: lsl_channel_format_t = 5;
/// 8-bit signed integers.
pub const lsl_channel_format_t_cft_int8: lsl_channel_format_t = 6;
/// 64-bit signed integers.
pub const lsl_channel_format_t_cft_int64: lsl_channel_format_t = 7;

/// How a call ended.
pub type lsl_error_code_t = i32;
/// Well.
pub const lsl_error_code_t_lsl_no_error: lsl_error_code_t = 0;
/// The time given ran out.
pub const lsl_error_code_t_lsl_timeout_error: lsl_error_code_t = -1;
/// The stream is gone.
pub const lsl_error_code_t_lsl_lost_error: lsl_error_code_t = -2;
/// An argument was refused.
pub const lsl_error_code_t_lsl_argument_error: lsl_error_code_t = -3;
/// Something else went wrong inside liblsl.
pub const lsl_error_code_t_lsl_internal_error: lsl_error_code_t = -4;
