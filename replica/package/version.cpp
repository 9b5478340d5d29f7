// The one source of each shared library; all else comes from the rooms' archives.
namespace tagma {}
