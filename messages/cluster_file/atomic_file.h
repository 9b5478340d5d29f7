// Files that are whole or absent, whatever happens. Private to messages/cluster_file.
#pragma once

#include <string>
#include <string_view>

namespace tagma::cluster_file {

/// Writes the text as a file that all may read, in the place of whatever was there: temporary file, fsync, rename,
/// fsync of the folder. Durable on return; on failure errno says why and the old file stays.
[[nodiscard]] bool write_atomically(const std::string& path, std::string_view text);

/// Makes what was renamed or removed in the folder durable.
[[nodiscard]] bool sync_folder(const std::string& folder);

/// The folder that the path lies in.
[[nodiscard]] std::string folder_of(const std::string& path);

}  // namespace tagma::cluster_file
