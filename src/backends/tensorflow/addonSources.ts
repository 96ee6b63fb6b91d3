/**
 * Sets which log messages TensorFlow prints: TF_CPP_MIN_LOG_LEVEL (0 to 3), which the library itself heeds only
 * in part, and errors alone by default. Compiled into tfjs-node's addon.
 */
export const LOG_LEVEL_SOURCE = `
#include <cstdlib>
#include "absl/log/globals.h"
static const bool log_level_set = [] {
  const char* level = std::getenv("TF_CPP_MIN_LOG_LEVEL");
  absl::SetMinLogLevel(static_cast<absl::LogSeverityAtLeast>(level && *level ? std::atoi(level) : 2));
  return true;
}();
`;

/**
 * An addon of one function: open(path, quiet) loads a shared library for good. TensorFlow's prints a note while
 * it is being loaded, before any setting of its own can say otherwise: \`quiet\` keeps that off the terminal.
 */
export const LOADER_SOURCE = `
#include <dlfcn.h>
#include <fcntl.h>
#include <node_api.h>
#include <string>
#include <unistd.h>

static napi_value Open(napi_env env, napi_callback_info info) {
  size_t count = 2, length = 0;
  napi_value arguments[2], result;
  bool quiet = false;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 2 ||
      napi_get_value_string_utf8(env, arguments[0], nullptr, 0, &length) != napi_ok ||
      napi_get_value_bool(env, arguments[1], &quiet) != napi_ok) {
    napi_throw_type_error(env, nullptr, "open takes a path and a boolean");
    return nullptr;
  }
  std::string path(length, 0);
  napi_get_value_string_utf8(env, arguments[0], &path[0], length + 1, &length);
  int saved = quiet ? dup(2) : -1;
  if (saved >= 0) {
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null >= 0) {
      dup2(null, 2);
      close(null);
    }
  }
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (saved >= 0) {
    dup2(saved, 2);
    close(saved);
  }
  if (library == nullptr) {
    napi_throw_error(env, nullptr, dlerror());
    return nullptr;
  }
  napi_get_undefined(env, &result);
  return result;
}

NAPI_MODULE_INIT() {
  napi_value open;
  napi_create_function(env, "open", NAPI_AUTO_LENGTH, Open, nullptr, &open);
  napi_set_named_property(env, exports, "open", open);
  return exports;
}
`;
