/* stream compress|decompress <INPUT >OUTPUT: a pipe, in bounded memory whatever the length.
 *
 *   cc stream.c $(pkg-config --cflags --libs occam) -o stream
 */
#include <occam/occam_c.h>
#include <stdio.h>
#include <string.h>

static size_t read_stdin(void* user, void* out, size_t size) {
  const size_t done = fread(out, 1, size, stdin);
  (void)user;
  return done == 0 && ferror(stdin) ? OCCAM_FAILED : done;
}

static int write_stdout(void* user, const void* bytes, size_t size) {
  (void)user;
  return fwrite(bytes, 1, size, stdout) != size;
}

int main(int argc, char** argv) {
  occam_reader reader = occam_reader_init();
  occam_writer writer = occam_writer_init();
  occam_stats stats = occam_stats_init();
  occam_options options = occam_options_init();
  occam_error error;
  occam_code code = OCCAM_ERROR_USAGE;
  reader.read = read_stdin;
  reader.name = "standard input";
  writer.write = write_stdout;
  writer.name = "standard output";
  options.mode = OCCAM_MODE_CARRIED;
  strcpy(error.message, "usage: stream compress|decompress <INPUT >OUTPUT");
  if (argc == 2 && strcmp(argv[1], "compress") == 0)
    code = occam_compress_stream(&reader, &writer, &options, &stats, &error);
  if (argc == 2 && strcmp(argv[1], "decompress") == 0)
    code = occam_decompress_stream(&reader, &writer, &options, &stats, &error);
  if (code == OCCAM_OK && fflush(stdout) != 0) {
    code = OCCAM_ERROR_IO;
    strcpy(error.message, "writing standard output failed");
  }
  if (code != OCCAM_OK) {
    fprintf(stderr, "%s\n", error.message);
    return code;
  }
  fprintf(stderr, "%llu bytes, %llu in the file\n", (unsigned long long)stats.original_bytes,
          (unsigned long long)stats.file_bytes);
  return 0;
}
