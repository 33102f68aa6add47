#include "app/cli.h"
#include "app/privileges.h"
#include "app/status.h"

int main(int argc, char **argv)
{
    if (descriptors_fill() != 0)
        return EXIT_SYSTEM;
    return cli_main(argc, argv);
}
